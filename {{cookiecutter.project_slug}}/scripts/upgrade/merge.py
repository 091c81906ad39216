"""The merge of two renders into a service, by git alone: the old render is the base, the new one the other side."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import git
from record import Stop

# The same renders make the same commits, whoever upgrades and when.
SIGNED = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "template"), ("EMAIL", "template@localhost"), ("DATE", "2000-01-01T00:00:00Z"))
}
# A merge asks who merges, also where it makes no commit.
NAMED = {name: value for name, value in SIGNED.items() if not name.endswith("_DATE")}
FOLLOW = (
    "merge.renames=true",
    "merge.renameLimit=100000",
    "diff.renameLimit=100000",
    "merge.directoryRenames=true",
    "merge.ff=true",
    "merge.verifySignatures=false",
)
# What git keeps while something of its own is under way, and what that is.
BUSY = {
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "BISECT_LOG": "bisection",
}


@dataclass(frozen=True)
class Underway:
    """An upgrade that has begun. branch: its own. original: where the work tree was, a branch or a commit. merged:
    whether the merge is in the work tree.
    """

    branch: str
    original: str
    head: str
    title: str
    new: str
    merged: bool = True


def state_file(root: Path) -> Path:
    return root / git.read(root, "rev-parse", "--git-path", "template-upgrade.json")


def underway(root: Path) -> Underway | None:
    path = state_file(root)
    if not path.exists():
        return None
    text = path.read_text(encoding="utf-8")
    try:
        begun = Underway(**json.loads(text)) if text else None
    except (ValueError, TypeError):
        raise Stop(f"{path} cannot be read: remove it, and the branch of the upgrade, by hand.") from None
    if begun and has_branch(root, begun.branch):
        return begun
    path.unlink()  # never begun, or committed by hand, and merged or thrown away
    return None


def has_branch(root: Path, branch: str) -> bool:
    return git.attempt(root, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}").returncode == 0


def here(root: Path) -> str:
    """The branch that is checked out, else the commit."""
    branch = git.attempt(root, "symbolic-ref", "--short", "--quiet", "HEAD").stdout.decode().strip()
    return branch or git.read(root, "rev-parse", "HEAD")


def refuse_unmerged(begun: Underway) -> None:
    if not begun.merged:
        raise Stop("the upgrade was cut off before its merge was done: undo it with --abort, then upgrade again.")


def refuse_another_branch(root: Path, begun: Underway) -> None:
    if here(root) != begun.branch:
        raise Stop(f"the upgrade is on the branch {begun.branch}: run `git switch {begun.branch}` first.")


def refuse_unstaged(root: Path) -> None:
    """What is checked lies in the work tree, and what is committed in the index: they must be the same."""
    left = [line for line in git.read(root, "status", "--porcelain").splitlines() if line[1] != " "]
    if left:
        raise Stop(f"{left[0][3:]} is changed and not staged: `git add` it, or undo the change.")


def refuse_unready(root: Path) -> None:
    """A merge may begin only where every file can be brought back."""
    git.refuse_foreign(root)
    found = git.attempt(root, "rev-parse", "--verify", "--quiet", "HEAD").returncode == 0
    if not found or not git.names(root, "ls-files", "-z"):
        raise Stop("this folder is no git repository with a commit: run `git init`, `git add --all`, `git commit`.")
    if underway(root):
        raise Stop("an upgrade is under way: finish it with --continue or undo it with --abort.")
    places = git.read(root, "rev-parse", *(word for name in BUSY for word in ("--git-path", name))).splitlines()
    busy = [what for what, place in zip(BUSY.values(), places, strict=True) if (root / place).exists()]
    if busy:
        raise Stop(f"a {busy[0]} is under way here: finish it first.")
    dirty = git.read(root, "status", "--porcelain").splitlines()
    if dirty:
        raise Stop(f"{dirty[0][3:]} is not committed: commit or stash what you have changed, then upgrade.")


def tree_of(root: Path, folder: Path, index: Path, crlf: set[str]) -> str:
    """The tree of a folder, byte for byte. crlf: paths whose lines are to end as those of the service do."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    for path in paths:
        if path.relative_to(folder).as_posix() in crlf:
            path.write_bytes(path.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    listed = "".join(f"{path}\n" for path in paths).encode(errors="surrogateescape")
    hashes = git.read(root, "hash-object", "-w", "--no-filters", "--stdin-paths", given=listed).splitlines()
    lines = [
        f"{'100755' if os.access(path, os.X_OK) and os.name != 'nt' else '100644'} {digest}\t"
        f"{path.relative_to(folder).as_posix()}\n"
        for path, digest in zip(paths, hashes, strict=True)
    ]
    more = {"GIT_INDEX_FILE": str(index)}
    index.unlink(missing_ok=True)
    git.read(
        root, "update-index", "--add", "--index-info", given="".join(lines).encode(errors="surrogateescape"), env=more
    )
    return git.read(root, "write-tree", env=more)


def crlf_paths(root: Path) -> set[str]:
    """Files that this service keeps with the line ends of Windows."""
    lines = git.names(root, "ls-files", "--eol", "-z")
    return {line.partition("\t")[2] for line in lines if line.startswith("i/crlf")}


def renamed(root: Path, old: str, new: str) -> dict[str, str]:
    """New names by old ones, between two trees."""
    words = ["diff-tree", "-r", "-z", "-M", "-l100000", "--diff-filter=R", "--name-status", old, new]
    parts = git.names(root, *words)
    return {parts[at + 1]: parts[at + 2] for at in range(0, len(parts), 3)}


def trees(root: Path, old: Path, new: Path, scratch: Path) -> tuple[str, str]:
    """The trees of the old and the new render, with the line ends that the service keeps."""
    index, crlf = scratch / "index", crlf_paths(root)
    found = tree_of(root, old, index, set()), tree_of(root, new, index, set())
    if crlf:
        moved = {there for here, there in renamed(root, *found).items() if here in crlf}
        found = tree_of(root, old, index, crlf), tree_of(root, new, index, crlf | moved)
    return found


def in_place(root: Path, tree: str, index: Path) -> str:
    """The tree of the whole repository with this one in place of the service, which may be a folder of it."""
    prefix = git.read(root, "rev-parse", "--show-prefix")
    if not prefix:
        return tree
    top, more = Path(git.read(root, "rev-parse", "--show-toplevel")), {"GIT_INDEX_FILE": str(index)}
    index.unlink(missing_ok=True)
    git.read(top, "read-tree", "HEAD", env=more)
    git.read(top, "rm", "-r", "-q", "--cached", "--ignore-unmatch", "--", prefix, env=more)
    git.read(top, "read-tree", f"--prefix={prefix}", tree, env=more)
    return git.read(top, "write-tree", env=more)


def sides(root: Path, old: str, new: str, scratch: Path) -> tuple[str, str]:
    """Two commits with the old render as their merge base: the service as it is, and the new render."""
    index = scratch / "index"
    base = git.read(root, "commit-tree", in_place(root, old, index), "-m", "The template as it was", env=SIGNED)
    theirs = git.read(
        root, "commit-tree", in_place(root, new, index), "-p", base, "-m", "The template as it is", env=SIGNED
    )
    head = git.read(root, "rev-parse", "HEAD")
    ours = git.read(root, "commit-tree", f"{head}^{{tree}}", "-p", head, "-p", base, "-m", "This service", env=SIGNED)
    return ours, theirs


def refuse_overwriting(root: Path, old: str, new: str) -> None:
    """git keeps files that it does not track from being overwritten, but not those that it ignores."""
    added = git.names(root, "diff-tree", "-r", "-z", "--no-renames", "--diff-filter=A", "--name-only", old, new)
    tracked = set(git.names(root, "ls-files", "-z"))
    lost = [path for path in added if path not in tracked and (root / path).is_file()]
    if lost:
        raise Stop(f"the template brings {lost[0]}, which is here without being tracked by git: move it away first.")


def start(root: Path, branch: str, title: str, ours: str, theirs: str) -> None:
    """Merges into the work tree, on a branch of its own that holds nothing else than the service and the merge."""
    head = git.read(root, "rev-parse", "HEAD")
    begun = Underway(branch, here(root), head, title, theirs, merged=False)
    if git.attempt(root, "branch", "--no-track", branch, head).returncode:
        if has_branch(root, branch):
            raise Stop(f"the branch {branch} exists: merge it, or remove it with `git branch -D {branch}`.")
        git.read(root, "branch", "--no-track", branch, head)  # which says why it cannot
    remember(root, begun, first=True)
    try:
        git.read(root, *git.WITHOUT_HOOKS, "checkout", "--quiet", branch, "--")
        git.read(root, "update-ref", f"refs/heads/{branch}", ours)
        merged(root, branch.rpartition("/")[2], theirs)
        # The two renders leave the history again: what stays is one commit on top of the service's own.
        git.read(root, "update-ref", f"refs/heads/{branch}", head)
        remember(root, replace(begun, merged=True))
    except BaseException:
        abort(root)
        raise


def remember(root: Path, begun: Underway, first: bool = False) -> None:
    """Written at once or not at all. first: nobody else may have begun an upgrade here meanwhile."""
    path, text = state_file(root), json.dumps(asdict(begun), indent=2)
    if first:
        try:
            path.open("x").close()
        except FileExistsError:
            git.attempt(root, "branch", "--quiet", "-D", begun.branch)
            raise Stop("another upgrade has begun here: finish it with --continue or undo it with --abort.") from None
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def merged(root: Path, name: str, theirs: str) -> None:
    """Conflicts are markers in the files and unmerged entries in the index, as of any merge."""
    label = f"template-{name}"
    git.read(root, "update-ref", f"refs/{label}", theirs)
    try:
        settings = [word for setting in FOLLOW for word in ("-c", setting)]
        done = git.attempt(root, *git.WITHOUT_HOOKS, *settings, "merge", "--squash", label, env=NAMED)
    finally:
        git.attempt(root, "update-ref", "-d", f"refs/{label}")
    if done.returncode and not unmerged(root):
        raise Stop(f"git could not merge: {git.said(done)}")


def unmerged(root: Path) -> list[str]:
    return sorted(set(git.names(root, "diff", "--relative", "--name-only", "--diff-filter=U", "-z")))


def commit(root: Path, begun: Underway) -> None:
    """One ordinary commit with what is staged; the hooks of the service's own repository run."""
    if git.attempt(root, "diff", "--cached", "--quiet", "HEAD").returncode:
        done = git.attempt(root, "commit", "--quiet", "--message", begun.title)
        if done.returncode:
            raise Stop(f"git did not commit ({git.said(done)}): mend that, then run --continue, or --abort.")
    state_file(root).unlink(missing_ok=True)


def abort(root: Path) -> Underway:
    """Everything as before: the branch that was checked out, its files, and no branch of the upgrade."""
    begun = underway(root)
    if begun is None:
        raise Stop("no upgrade is under way.")
    tip = git.read(root, "rev-parse", f"refs/heads/{begun.branch}")
    never_left = not begun.merged and here(root) == begun.original and tip == begun.head
    if not never_left:
        refuse_another_branch(root, begun)
        remember(root, replace(begun, merged=False))  # an abort that dies can only be done again
        git.read(root, "update-ref", f"refs/heads/{begun.branch}", begun.head)
        git.read(root, *git.WITHOUT_HOOKS, "reset", "--quiet", "--hard", begun.head)
        git.read(root, *git.WITHOUT_HOOKS, "checkout", "--quiet", begun.original, "--")
    git.attempt(root, "update-ref", "-d", f"refs/template-{begun.branch.rpartition('/')[2]}")
    git.attempt(root, "branch", "--quiet", "-D", begun.branch)
    state_file(root).unlink(missing_ok=True)
    return begun
