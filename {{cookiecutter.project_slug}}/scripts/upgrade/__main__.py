"""Brings a service to another version of its template: `make upgrade`, or `python3 scripts/upgrade --help`.

Renders the template's old and new commit with the answers of this service and merges the two with git, on a branch of
its own, so that a conflict is an ordinary marker. Needs Python 3.11, git and the template's address.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.dont_write_bytecode = True

import git  # noqa: E402
import merge  # noqa: E402
from checks import Finding, Merged, findings, news  # noqa: E402
from ledger import Ledger  # noqa: E402
from record import CRUFTS, OURS, Record, Stop, crufts_written, read, read_answers, written  # noqa: E402
from render import Renderer, asked  # noqa: E402
from source import FOLDER, Source, open_source  # noqa: E402

HANDED_OVER = "UPGRADE_HANDED_OVER"
ADDRESS = "UPGRADE_ADDRESS"  # which the service follows from now on, from the script that handed over
ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    options = parsed()
    root = Path(options.root).resolve()
    try:
        if sys.version_info < (3, 11):  # noqa: UP036
            raise Stop("Python 3.11 or newer is needed: name one as in `make upgrade PYTHON=python3.12`.")
        if options.abort:
            print(f"Back on {merge.abort(root).original}, as before.")
            return 0
        if options.go_on:
            return go_on(root)
        with tempfile.TemporaryDirectory(prefix="upgrade-") as folder:
            return Upgrade(root, options, Path(folder).resolve()).run()
    except (Stop, OSError) as error:
        print(f"upgrade: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("upgrade: interrupted; run --abort if an upgrade is under way.", file=sys.stderr)
        return 130


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="upgrade", description="Bring this service to another version of its template."
    )
    parser.add_argument("--to", help="version, tag or commit; else the newest release, or the newest commit")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="only say what is newer and how serious it is")
    what.add_argument("--dry-run", action="store_true", help="merge beside the work tree and say what came of it")
    what.add_argument("--continue", action="store_true", dest="go_on", help="commit, once every conflict is resolved")
    what.add_argument("--abort", action="store_true", help="everything as before")
    parser.add_argument("--template", help="a clone or address to read the template from, instead of the recorded one")
    parser.add_argument("--from", dest="old", metavar="COMMIT", help="the template's commit that this service equals")
    parser.add_argument("--answers", type=Path, help="a file with the answers, where none are recorded")
    parser.add_argument("--answer", action="append", default=[], metavar="NAME=VALUE", help="answer a question anew")
    parser.add_argument("--root", default=str(ROOT), help=argparse.SUPPRESS)
    return parser.parse_args()


@dataclass(frozen=True)
class Renders:
    """Both renders as trees of the service's repository, and what the new one brings."""

    old: str
    new: str
    branch: str
    title: str
    questions: dict[str, str]


class Upgrade:
    """One run, from the record to a branch with a merge."""

    def __init__(self, root: Path, options: argparse.Namespace, scratch: Path) -> None:
        self.root, self.options, self.scratch = root, options, scratch
        self.record = read(root)

    def run(self) -> int:
        if not self.options.check:
            merge.refuse_unready(self.root)
        source = open_source(self.options.template or self.record.template, self.scratch)
        new = source.target(self.options.to)
        named = self.options.old or self.record.commit
        origin, old = source.recorded(named, self.scratch) if named else (source, source.matching(self.root, new))
        if not (self.options.to or origin.contains(old, new) or origin.contains(new, old)):
            new = source.target("HEAD")  # the release is one of the template that this one is a fork of
        if old == new and not self.options.answer:
            print(f"This service is at the template's {called(source, new)}: nothing to do.")
            return 0
        if origin is source and source.contains(new, old) and old != new:
            if self.options.to is None:
                print(f"This service is at {called(source, old)}, after the newest release: nothing to do.")
                return 0
            raise Stop(f"{called(source, new)} is older than {called(source, old)}, which this service is at.")
        template = source.export(new, self.scratch / "new")
        if self._newer_script(template):
            return self._hand_over(template, source)
        renderer = Renderer(template, self.scratch)
        ledger = Ledger(origin, old, new, renderer.yaml)
        if self.options.check:
            return checked(source, old, new, ledger)
        renders = self._render(renderer, origin.export(old, self.scratch / "old"), template, source, new)
        return self._merge(renders, renderer, ledger)

    def _newer_script(self, template: Path) -> bool:
        """The script of the version that is upgraded to knows most: it does the work."""
        there = template / FOLDER / "scripts" / "upgrade" / "__main__.py"
        return HANDED_OVER not in os.environ and self.record.commit is not None and there.is_file()

    def _hand_over(self, template: Path, source: Source) -> int:
        script = str(template / FOLDER / "scripts" / "upgrade")
        words = [sys.executable, script, *sys.argv[1:], "--root", str(self.root), "--template", str(source.folder)]
        address = self._address(source) or ""
        return subprocess.run(words, env={**os.environ, HANDED_OVER: "1", ADDRESS: address}, check=False).returncode

    def _address(self, source: Source) -> str | None:
        """Of the template from now on. One that was named takes the place of the recorded one, but a folder of this
        machine that has no origin takes no place of an address that others can use.
        """
        before = self.record.template
        if HANDED_OVER in os.environ:
            return os.environ.get(ADDRESS) or before or source.lasting_address()
        if before and not self.options.template:
            return before
        named = source.lasting_address()
        return before if before and Path(named).is_dir() and not Path(before).is_absolute() else named

    def _render(self, renderer: Renderer, old: Path, new: Path, source: Source, commit: str) -> Renders:
        answers = self.record.answers | (read_answers(self.options.answers) if self.options.answers else {})
        if not answers:
            raise Stop("the answers of this service are not recorded: name a file that holds them with --answers.")
        changed = dict(pair.partition("=")[::2] for pair in self.options.answer)
        unknown = sorted(changed.keys() - set(asked(new)))
        if unknown:
            raise Stop(f"the template does not ask for {unknown[0]}: --answer takes NAME=VALUE with a question's name.")
        before, answers_before = renderer.render(old, answers, "old")
        after, all_answers = renderer.render(new, answers | changed, "new")
        version = source.version(commit)
        record = Record(self._address(source), commit, version, all_answers)
        for name, content in ((OURS, written(record)), (CRUFTS, None)):
            here = (self.root / name).read_bytes() if (self.root / name).is_file() else None
            keep(before / name, here)
            keep(after / name, content or (here and crufts_written(here, record)))
        if self.record.template and record.template != self.record.template:
            print(f"The template's address is now {record.template}; {OURS} named {self.record.template} before.")
        trees = merge.trees(self.root, before, after, self.scratch)
        merge.refuse_overwriting(self.root, *trees)
        questions = {name: value for name, value in all_answers.items() if name not in answers_before | changed}
        title = f"Upgrade to {called(source, commit)} of the template"
        return Renders(*trees, f"upgrade/{version or commit[:12]}", title, questions)

    def _merge(self, renders: Renders, renderer: Renderer, ledger: Ledger) -> int:
        ours, theirs = merge.sides(self.root, renders.old, renders.new, self.scratch)
        head = git.read(self.root, "rev-parse", "HEAD")
        where = self.root
        try:
            if self.options.dry_run:
                where = self._beside(ours, renders.branch, theirs)
            else:
                merge.start(self.root, renders.branch, renders.title, ours, theirs)
            merged = Merged(where, head, f"{theirs}^", theirs)
            found = list(findings(merged))
            self._report(merged, renders, renderer, ledger, found)
        finally:
            if self.options.dry_run:
                git.attempt(self.root, "worktree", "remove", "--force", str(self.scratch / "beside"))
        return self._end(renders.branch, found)

    def _beside(self, ours: str, branch: str, theirs: str) -> Path:
        """The merge in a work tree of its own, which goes again."""
        beside = self.scratch / "beside"
        git.read(self.root, "worktree", "add", "--quiet", "--detach", str(beside), ours)
        inside = beside / git.read(self.root, "rev-parse", "--show-prefix")
        merge.merged(inside, branch.rpartition("/")[2], theirs)
        return inside

    def _report(
        self, merged: Merged, renders: Renders, renderer: Renderer, ledger: Ledger, found: list[Finding]
    ) -> None:
        say(
            "Questions that are new, with the answer taken (--answer NAME=VALUE for another)",
            [f"{name}={value}" for name, value in renders.questions.items()],
        )
        say("New settings and policy keys, with their defaults", sorted(news(merged, renderer.yaml)))
        own = merged.own - {OURS, CRUFTS}
        steps = list(ledger.steps(own, merged.own_lines))
        say("Steps that concern what you changed", [step.sentence for step in steps if step.concerns])
        others = sum(not step.concerns for step in steps)
        if others:
            print(f"{others} more in the template's UPGRADES.yaml concern nothing that you changed.")
        say("To do", [each.sentence for each in found])

    def _end(self, branch: str, found: list[Finding]) -> int:
        if self.options.dry_run:
            print(f"Nothing was changed. The upgrade would {'leave that to do' if found else 'be clean'}.")
            return 1 if found else 0
        begun = merge.underway(self.root)
        if found or begun is None:
            print(f"On the branch {branch}. Do the above, `git add` or `git rm` each file, then run")
            print("  python3 scripts/upgrade --continue\nor, to be as before,\n  python3 scripts/upgrade --abort")
            return 1
        merge.commit(self.root, begun)
        print(f"Merged on the branch {branch}. Run `make lint` and `make test` there, then merge it.")
        return 0


def go_on(root: Path) -> int:
    begun = merge.underway(root)
    if begun is None:
        raise Stop("no upgrade is under way.")
    merge.refuse_unmerged(begun)
    merge.refuse_another_branch(root, begun)
    found = list(findings(Merged(root, begun.head, f"{begun.new}^", begun.new)))
    say("To do", [each.sentence for each in found])
    if any(each.blocks for each in found):
        raise Stop("the upgrade is not finished: see above.")
    merge.refuse_unstaged(root)
    merge.commit(root, begun)
    print(f"Merged on the branch {begun.branch}. Run `make lint` and `make test` there, then merge it.")
    return 0


def checked(source: Source, old: str, new: str, ledger: Ledger) -> int:
    print(f"This service is at {called(source, old)}; {called(source, new)} is newer.")
    if ledger.serious:
        print(f"How serious: {ledger.serious}{' (a step by hand is needed)' if ledger.serious == 'major' else ''}.")
    say(
        "Versions",
        [f"{each['version']} ({each.get('serious', 'patch')}, {each.get('date')})" for each in ledger.entries],
    )
    return 0


def called(source: Source, commit: str) -> str:
    version = source.version(commit)
    return f"{version}, commit {commit[:12]}" if version else commit[:12]


def keep(path: Path, content: bytes | None) -> None:
    if content is None:
        path.unlink(missing_ok=True)
    else:
        path.write_bytes(content)


def say(title: str, lines: list[str]) -> None:
    if lines:
        print(f"{title}:")
        print("".join(f"  {line}\n" for line in lines), end="")


if __name__ == "__main__":
    sys.exit(main())
