"""The template as a git repository: where it is, which versions it has, and a copy of it at one commit."""

from __future__ import annotations

import re
import tarfile
from dataclasses import dataclass
from pathlib import Path

import git
from record import Stop

FOLDER = f"{'{' * 2}cookiecutter.project_slug{'}' * 2}"  # which must not stand here as it is in the template
ABBREVIATIONS = {"gh:": "https://github.com/", "gl:": "https://gitlab.com/", "bb:": "https://bitbucket.org/"}
# Rendered by no answer, so that a fresh service has them byte for byte.
COPIED = ("app", "tests", "docs", "migrations", "evals")


@dataclass(frozen=True)
class Source:
    """A repository of the template that is only read."""

    folder: Path
    address: str

    def commit(self, name: str) -> str | None:
        done = git.attempt(self.folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        return done.stdout.decode().strip() or None

    def target(self, wanted: str | None) -> str:
        """The commit of a version, tag or commit; else of the newest release, else the head of the repository."""
        if wanted is None:
            released = git.read(self.folder, "tag", "--list", "v[0-9]*", "--sort=-version:refname", "--merged", "HEAD")
            return self.commit(released.splitlines()[0] if released else "HEAD") or self._unknown("HEAD")
        tag = self.commit(f"refs/tags/v{wanted.removeprefix('v')}")
        marked = re.search(
            rf"^- version: ['\"]?{re.escape(wanted.removeprefix('v'))}['\"]?\n(?:  .*\n)*?  commit: ['\"]?(\w+)",
            self.text("HEAD", "UPGRADES.yaml"),
            re.MULTILINE,
        )
        return tag or (marked and self.commit(marked[1])) or self.commit(wanted) or self._unknown(wanted)

    def recorded(self, commit: str, scratch: Path) -> tuple[Source, str]:
        """This repository, or a deeper copy of it, with the commit that a service was last at."""
        here = self.commit(commit)
        if here:
            return self, here
        if git.read(self.folder, "rev-parse", "--is-shallow-repository") == "true":
            deeper = Source(scratch / "deeper.git", self.address)
            origin = git.attempt(self.folder, "remote", "get-url", "origin").stdout.decode().strip()
            if (
                origin
                and git.attempt(scratch, "clone", "--quiet", "--bare", origin, str(deeper.folder)).returncode == 0
            ):
                git.attempt(deeper.folder, "fetch", "--quiet", str(self.folder), "HEAD")
                if deeper.commit(commit):
                    return deeper, commit
            raise Stop(
                f"{self.address} is a shallow clone without the commit {commit[:12]} that this service is at: "
                "run `git fetch --unshallow --tags` in it."
            )
        raise Stop(
            f"{self.address} does not hold the commit {commit[:12]} that this service is at: "
            "name a clone that does with --template, or the commit it equals with --from."
        )

    def lasting_address(self) -> str:
        """Where others find it, without a password: its origin, else the folder."""
        origin = git.attempt(self.folder, "remote", "get-url", "origin").stdout.decode().strip()
        if origin.startswith(("ssh:", "git+ssh:")):  # the user is part of the address
            return re.sub(r"^([a-z+]+://[^/:@]*):[^/]*@", r"\1@", origin)
        return re.sub(r"^([a-z+]+://)[^/]*@", r"\1", origin) or str(self.folder)

    def text(self, commit: str, path: str) -> str:
        return (git.contents(self.folder, [f"{commit}:{path}"])[0] or b"").decode()

    def version(self, commit: str) -> str | None:
        """The version that a commit of the template calls itself, None before the first."""
        newest = re.search(r"^- version: ['\"]?([^\s'\"]+)", self.text(commit, "UPGRADES.yaml"), re.MULTILINE)
        return newest[1] if newest else None

    def contains(self, older: str, newer: str) -> bool:
        return git.attempt(self.folder, "merge-base", "--is-ancestor", older, newer).returncode == 0

    def matching(self, root: Path, newest: str) -> str:
        """The commit whose copied folders the first commit of this service holds byte for byte."""
        firsts = git.read(root, "rev-list", "--max-parents=0", "HEAD").splitlines()
        prefix = git.read(root, "rev-parse", "--show-prefix")
        asked = [f"{firsts[-1]}:{prefix}{part}" for part in COPIED]
        wanted = git.read(root, "cat-file", "--batch-check=%(objectname)", given="\n".join(asked).encode()).splitlines()
        for commit in git.read(self.folder, "rev-list", newest).splitlines():
            asked = [f"{commit}:{FOLDER}/{part}" for part in COPIED]
            trees = git.read(self.folder, "cat-file", "--batch-check=%(objectname)", given="\n".join(asked).encode())
            if trees.splitlines() == wanted:
                return commit
        raise Stop(
            "the commit of the template that this service was generated from is not recorded, and none equals the "
            "first commit here: name it with --from."
        )

    def export(self, commit: str, folder: Path) -> Path:
        """The template as it is at this commit, without its history."""
        folder.mkdir(parents=True)
        archive = folder.with_suffix(".tar")
        plain = ["-c", "core.autocrlf=false", "-c", "core.eol=lf"]
        git.read(self.folder, *plain, "archive", "--format=tar", f"--output={archive}", commit)
        with tarfile.open(archive) as opened:
            opened.extractall(folder, filter="data") if hasattr(tarfile, "data_filter") else opened.extractall(folder)  # noqa: S202
        archive.unlink()
        return folder

    def _unknown(self, name: str) -> str:
        if name.removeprefix("v") == self.version("HEAD"):
            raise Stop(f"{self.address} has not released {name}, or has no tags: take its newest commit by --to HEAD.")
        raise Stop(f"{self.address} has no version, tag or commit {name}.")


def open_source(address: str | None, scratch: Path) -> Source:
    """A local repository where it stands; any other cloned beside the work, without asking for a password."""
    if not address:
        raise Stop("this service does not know its template: name a clone or an address with --template.")
    local = Path(address).expanduser()
    if local.is_dir():
        git.refuse_foreign(local)
        found = git.attempt(local, "rev-parse", "--verify", "--quiet", "HEAD")
        if found.returncode or git.attempt(local, "cat-file", "-e", "HEAD:cookiecutter.json").returncode:
            raise Stop(f"{address} is no git repository of a template: name a clone with --template.")
        return Source(local.resolve(), address)
    for short, long in ABBREVIATIONS.items():
        address = long + address.removeprefix(short) if address.startswith(short) else address
    clone = scratch / "template.git"
    done = git.attempt(scratch, "clone", "--quiet", "--bare", "--", address, str(clone))
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [""]
        raise Stop(f"{address} could not be cloned ({said[-1]}): name a local clone with --template.")
    return Source(clone, address)
