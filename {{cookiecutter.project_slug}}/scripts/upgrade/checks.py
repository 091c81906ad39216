"""What a merge that git calls clean can still have broken, and what a person must know of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import git
import merge
from imports import FOLDERS, Modules

MARKERS = re.compile(rb"^<<<<<<< .*?^=======\r?$.*?^>>>>>>> ", re.MULTILINE | re.DOTALL)
SETTING = re.compile(r"^#?\s?([A-Z][A-Z0-9_]+)=(.*)$", re.MULTILINE)
DIFFERENT = ("diff", "--relative", "--no-renames", "--name-only", "-z")


@dataclass(frozen=True)
class Finding:
    """A sentence about what is wrong. blocks: the upgrade cannot be finished with it."""

    sentence: str
    blocks: bool = False


class Merged:
    """A service after the merge, beside what it was and what the template is. Trees or commits of all three."""

    def __init__(self, root: Path, head: str, old: str, new: str) -> None:
        self.root, self.head, self.old, self.new = root, head, old, new

    @cached_property
    def tracked(self) -> list[str]:
        return [path for path in dict.fromkeys(git.names(self.root, "ls-files", "-z")) if (self.root / path).is_file()]

    @cached_property
    def own(self) -> set[str]:
        """Paths of which the service has a text of its own, before the merge."""
        return set(git.names(self.root, *DIFFERENT, self.old, self.head))

    @cached_property
    def own_lines(self) -> str:
        """What the service wrote itself, before the merge, without what it left as it was."""
        changed = git.read(self.root, "diff", "--relative", "--no-color", "--no-ext-diff", "-U0", self.old, self.head)
        return "\n".join(line[1:] for line in changed.splitlines() if line.startswith("+"))

    @cached_property
    def own_now(self) -> set[str]:
        """Paths of which the merged service has another text than the template."""
        return set(git.names(self.root, *DIFFERENT, self.new, "--")) & set(self.tracked)

    def blobs(self, tree: str, fits: Callable[[str], bool]) -> dict[str, str]:
        prefix = git.read(self.root, "rev-parse", "--show-prefix")
        listed = git.names(self.root, "ls-tree", "-r", "-z", "--name-only", tree)
        paths = [path for path in listed if fits(path)]
        found = git.contents(self.root, [f"{tree}:{prefix}{path}" for path in paths])
        return {path: (text or b"").decode(errors="replace") for path, text in zip(paths, found, strict=True)}

    def texts(self, fits: Callable[[str], bool]) -> dict[str, str]:
        return {path: (self.root / path).read_text("utf-8", "replace") for path in self.tracked if fits(path)}


def is_code(path: str) -> bool:
    return path.endswith(".py") and path.startswith(FOLDERS)


def findings(merged: Merged) -> Iterator[Finding]:
    conflicts = merge.unmerged(merged.root)
    yield from (Finding(f"{path}: {_conflict(merged, path)}", blocks=True) for path in conflicts)
    yield from (Finding(f"{path} holds conflict markers", True) for path in _marked(merged) if path not in conflicts)
    yield from _shadowed(merged)
    yield from _heads(merged)
    before, after = Modules(merged.blobs(merged.head, is_code)), Modules(merged.texts(is_code))
    for path in sorted((before.alive & merged.own & set(merged.tracked)) - after.alive):
        yield Finding(f"{path} is yours, and nothing imports it any more")
    known = {sentence.partition(" ")[2] for _, sentence in before.broken()}
    for _, sentence in sorted(set(after.broken())):
        if sentence.partition(" ")[2] not in known:
            yield Finding(sentence)


def _conflict(merged: Merged, path: str) -> str:
    stages = {line.split("\t")[0][-1] for line in git.names(merged.root, "ls-files", "--unmerged", "-z", "--", path)}
    if stages == {"1", "2"}:
        return "you changed it and the template removed or renamed it: move your change, then `git rm` it"
    if stages == {"1", "3"}:
        return "you removed it and the template changed it: `git rm` or `git add` it"
    if "1" not in stages:
        return "both sides have a file of this name, or it belongs in a folder that was renamed"
    return "both sides changed the same lines"


def _marked(merged: Merged) -> list[str]:
    changed = set(git.names(merged.root, "diff", "--relative", "--name-only", "-z", merged.head))
    return sorted(
        path
        for path in changed & set(merged.tracked)
        if MARKERS.search((merged.root / path).read_bytes())
        and not any(text and MARKERS.search(text) for text in _texts_before(merged, path))
    )


def _texts_before(merged: Merged, path: str) -> list[bytes | None]:
    prefix = git.read(merged.root, "rev-parse", "--show-prefix")
    return git.contents(merged.root, [f"{tree}:{prefix}{path}" for tree in (merged.head, merged.new)])


def _shadowed(merged: Merged) -> Iterator[Finding]:
    code = {path for path in merged.tracked if path.endswith(".py")}
    packages = {path.removesuffix("/__init__.py") for path in code if path.endswith("/__init__.py")}
    for path in sorted(code):
        if path.removesuffix(".py") in packages:
            package = path.removesuffix(".py")
            yield Finding(f"{path} is dead: Python imports the package {package}/ instead. Move what is yours", True)


@dataclass(frozen=True)
class Revision:
    """A migration, as its file says."""

    path: str
    name: str
    below: tuple[str, ...]
    labels: tuple[str, ...]


def _heads(merged: Merged) -> Iterator[Finding]:
    texts = merged.texts(lambda path: path.startswith("migrations/") and path.endswith(".py"))
    revisions = {each.name: each for each in map(_revision, texts.items()) if each}
    below = {name for each in revisions.values() for name in each.below}
    heads: dict[str, list[Revision]] = {}
    for each in revisions.values():
        if each.name not in below:
            heads.setdefault(_label(each, revisions), []).append(each)
    for label, several in heads.items():
        if len(several) > 1:
            files = " and ".join(sorted(each.path for each in several))
            yield Finding(f"the migrations {files} both end the chain {label}{_cure(merged, several, revisions)}", True)


def _cure(merged: Merged, heads: list[Revision], revisions: Mapping[str, Revision]) -> str:
    """A database that has the team's migrations goes on: they keep their revisions, and stand beside the template's."""
    own = [each for each in heads if each.path in merged.own_now]
    if len(own) == len(heads) or not own:
        return ": let one of them follow the other in down_revision"
    first = own[0]
    while first.below and revisions[first.below[0]].path in merged.own_now:
        first = revisions[first.below[0]]
    below = first.below[0] if first.below else None
    return (
        f': move yours to migrations/extensions, and set down_revision = None, branch_labels = ("extensions",) and '
        f"depends_on = {below!r} in {first.path.rpartition('/')[2]}"
    )


def _revision(of: tuple[str, str]) -> Revision | None:
    path, text = of
    try:
        body = ast.parse(text).body
    except SyntaxError:
        return None
    said: dict[str, Any] = {}
    for node in body:
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if isinstance(target, ast.Name) and isinstance(node.value, ast.Constant | ast.Tuple | ast.List):
                said[target.id] = ast.literal_eval(node.value)
    if not isinstance(said.get("revision"), str):
        return None
    return Revision(path, said["revision"], _several(said.get("down_revision")), _several(said.get("branch_labels")))


def _several(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


def _label(head: Revision, revisions: Mapping[str, Revision]) -> str:
    """The branch label of a chain: that of the head, or of the nearest one below it that has one."""
    seen, left = set(), [head.name]
    while left:
        name = left.pop(0)
        each = revisions.get(name)
        if each is None or name in seen:
            continue
        if each.labels:
            return each.labels[0]
        seen.add(name)
        left += each.below
    return "of the service"


def news(merged: Merged, yaml: Callable[..., list[Any]]) -> Iterator[str]:
    """Settings and policy keys that the new template has and the old one did not, with their defaults."""
    settings = [
        dict(SETTING.findall(merged.blobs(tree, lambda path: path == ".env.example").get(".env.example", "")))
        for tree in (merged.old, merged.new)
    ]
    for name in settings[1].keys() - settings[0].keys():
        yield f"setting {name}={settings[1][name].strip()}"
    policies = [
        merged.blobs(tree, lambda path: path.startswith("policies/") and path.endswith(".yaml"))
        for tree in (merged.old, merged.new)
    ]
    before, after = (dict(zip(texts, yaml(*texts.values()), strict=True)) for texts in policies)
    for path, content in after.items():
        new = dict(keys(content))
        if path not in before:
            yield f"{path}: a policy that is new, with {len(new)} keys"
            continue
        for key in new.keys() - dict(keys(before[path])).keys():
            yield f"{path}: {key}: {new[key]}"


def keys(value: Any, above: str = "") -> Iterator[tuple[str, str]]:
    """Each key of nested mappings that holds no mapping, with its value."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from keys(inner, f"{above}.{key}" if above else str(key))
    elif above:
        text = str(value)
        yield above, text if len(text) <= 60 else f"{text[:57]}..."
