"""What becomes of ten owners' edits when a service moves from earlier commits of this template to the present one.

`.venv/bin/python benchmarks/upgrade_matrix.py` after `make env-dev`, in a clone with the whole history: services of
four earlier commits with three sets of answers get the same ten edits, and are upgraded by `make upgrade` and, for
comparison, by cruft. It writes benchmarks/results/upgrade_matrix.json; --commit does one of the four and keeps what is
known of the others. Each service is also used: it has a database with a document, an answer and rows of its owner's
before, goes on with it after, and then runs its own quick tests. --short does one service without cruft and without its
tests, and writes nothing. The template as it is committed is what is upgraded to.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
FOLDER = "{{cookiecutter.project_slug}}"
RESULT = REPOSITORY / "benchmarks" / "results" / "upgrade_matrix.json"
sys.path.insert(0, str(REPOSITORY))

from benchmarks.owner_edits import EDITS, Edit, apply, text_files  # noqa: E402
from benchmarks.upgraded_service import quick_tests, set_up, used_again  # noqa: E402

COMMITS = {
    "first complete service": "f9d432c9",
    "releases": "7c310509",
    "budgets, review and actions": "bca973b0",
    "before the renames": "a4d73e70",
}
ANSWERS: dict[str, dict[str, str]] = {
    "default": {},
    "high risk": {
        "project_name": 'L\'Équipe "Savoir"',
        "risk_tier": "high",
        "data_sensitivity": "confidential",
        "monthly_budget_usd": "450.50",
        "license": "Apache-2.0",
        "ci_provider": "gitlab",
    },
    "low risk": {
        "project_name": "Public Answers",
        "owner_team": "Team 2",
        "risk_tier": "low",
        "data_sensitivity": "public",
        "license": "proprietary",
        "ci_provider": "none",
        "project_slug": "other-folder",
    },
}
SIGNED = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Ada"), ("EMAIL", "ada@example.com"))
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="one service, no cruft; no result is written")
    parser.add_argument("--commit", choices=COMMITS.values(), help="only this one; the others' results stay")
    parser.add_argument("--answers", choices=ANSWERS, help="only these; the others' results stay")
    options = parser.parse_args()
    short = bool(options.short)
    commits = {name: commit for name, commit in COMMITS.items() if options.commit in (None, commit)}
    commits = dict(list(commits.items())[:1]) if short else commits
    answers = {options.answers: ANSWERS[options.answers]} if options.answers else ANSWERS
    answers = dict(list(ANSWERS.items())[:1]) if short else answers
    missing = [
        commit for commit in commits.values() if git(REPOSITORY, "cat-file", "-t", commit, check=False) != "commit"
    ]
    if missing:
        print(f"this clone does not hold {', '.join(missing)}: run `git fetch --unshallow`", file=sys.stderr)
        return 3
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="upgrades-") as folder:
        for one in services(commits, answers, Path(folder).resolve(), whole=not short):
            found.append(one)
            result = summary(found if short else [*earlier(found), *found])
            if not short:
                RESULT.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2, ensure_ascii=False))
    return 0


def earlier(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What an earlier run found of other services."""
    if not RESULT.is_file():
        return []
    measured = {(each["commit"], each["answers"]) for each in found}
    known = json.loads(RESULT.read_text(encoding="utf-8"))["services"]
    return [each for each in known if (each["commit"], each["answers"]) not in measured]


def summary(found: list[dict[str, Any]]) -> dict[str, Any]:
    order = [(commit, answers) for commit in COMMITS.values() for answers in ANSWERS]
    found = sorted(found, key=lambda each: order.index((each["commit"], each["answers"])))
    return {
        "measured_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "edits": [edit.name for edit in EDITS],
        "total": {tool: total(found, tool) for tool in ("make upgrade", "cruft") if tool in found[0]},
        "total_services": used([each["service"] for each in found if "service" in each]),
        "services": found,
    }


def services(
    commits: dict[str, str], answers: dict[str, dict[str, str]], folder: Path, whole: bool
) -> Iterator[dict[str, Any]]:
    for name, commit in commits.items():
        template = folder / commit
        export(commit, template)
        for label, given in answers.items():
            home = Path(tempfile.mkdtemp(dir=folder))
            project = bake(template, home / "ours", given)
            replay = home / "ours.answers.json"
            one: dict[str, Any] = {"from": name, "commit": commit, "answers": label}
            one["to"] = git(REPOSITORY, "rev-parse", "HEAD")
            apply(project)
            git(project, "add", "--all")
            git(project, "commit", "--quiet", "--message", "ours")
            before = set_up(project)
            if whole:
                other = home / "cruft" / project.name
                shutil.copytree(project, other, symlinks=True, ignore=shutil.ignore_patterns(".venv", ".data"))
                one["cruft"] = by_cruft(other, commit, replay)
            one["make upgrade"] = by_upgrade(project, commit, replay)
            one["service"] = used_again(project, before)
            if whole:
                one["service"]["quick_tests"] = quick_tests(project)
            print(f"{name}, {label}: {one['make upgrade']['edits']}", file=sys.stderr, flush=True)
            yield one
            shutil.rmtree(home)


def by_upgrade(project: Path, commit: str, replay: Path) -> dict[str, Any]:
    script = REPOSITORY / FOLDER / "scripts" / "upgrade"
    words = ["--root", str(project), "--template", str(REPOSITORY), "--from", commit, "--answers", str(replay)]
    before = git(project, "rev-parse", "HEAD")
    started = time.monotonic()
    done = run([sys.executable, str(script), *words], project)
    seconds = time.monotonic() - started
    conflicts = git(project, "diff", "--name-only", "--diff-filter=U").splitlines()
    said = done.stdout.partition("To do:")[2].partition("On the branch")[0]
    found = {edit.name: outcome(edit, project, said, conflicts) for edit in EDITS}
    needless = sorted(path for path in set(conflicts) if not both_changed(project, path))
    resolve(project, conflicts, found)
    went_on = run([sys.executable, str(script), "--root", str(project), "--continue"], project)
    again = run([sys.executable, str(script), "--root", str(project), "--template", str(REPOSITORY)], project)
    one_commit = git(project, "rev-parse", "HEAD^") == before and not git(project, "status", "--porcelain")
    left = went_on.stdout.partition("To do:")[2].partition("Merged")[0]
    return {
        "exit": done.returncode,
        "seconds": round(seconds, 1),
        "conflicts": sorted(set(conflicts)),
        "conflicts_without_reason": needless,
        "finished_by_continue": went_on.returncode == 0 and one_commit,
        "still_named": [line.strip() for line in left.strip().splitlines()],
        "second_upgrade_does_nothing": "nothing to do" in again.stdout,
        "to_do": [line.strip() for line in said.strip().splitlines()],
        "edits": found,
    }


def resolve(project: Path, conflicts: list[str], found: dict[str, str]) -> None:
    """As a person would: the template's side of every conflict, and there the edits again."""
    for path in set(conflicts):
        theirs = git_bytes(project, "show", f":3:{path}")
        if theirs is None or path == "tests/safety/test_text.py":
            git(project, "rm", "--quiet", "--force", path)
        else:
            (project / path).write_bytes(theirs)
    for edit in EDITS:
        if found[edit.name] == "named":
            (edit.again or edit.make)(project)
    git(project, "add", "--all")


def by_cruft(project: Path, commit: str, replay: Path) -> dict[str, Any]:
    answers = json.loads(replay.read_text(encoding="utf-8"))["cookiecutter"]
    whole = git(REPOSITORY, "rev-parse", commit)
    link = {
        "template": str(REPOSITORY),
        "commit": whole,
        "checkout": None,
        "context": {"cookiecutter": answers},
        "directory": None,
    }
    (project / ".cruft.json").write_text(json.dumps(link), encoding="utf-8")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "follow the template by cruft")
    started = time.monotonic()
    head = git(REPOSITORY, "rev-parse", "HEAD")
    done = run([sys.executable, "-m", "cruft", "update", "--skip-apply-ask", "--checkout", head], project)
    seconds = time.monotonic() - started
    conflicts = git(project, "diff", "--name-only", "--diff-filter=U").splitlines()
    rejects = [path.relative_to(project).as_posix() for path in text_files(project) if path.suffix == ".rej"]
    named = done.stdout + "\n".join(conflicts)
    refused = done.returncode != 0 and not git(project, "status", "--porcelain")
    return {
        "exit": done.returncode,
        "seconds": round(seconds, 1),
        "conflicts": sorted(set(conflicts)),
        "rejects": rejects,
        "said": " ".join(done.stdout.rpartition("╯")[2].split()),
        "edits": {edit.name: "not upgraded" if refused else outcome(edit, project, named, conflicts) for edit in EDITS},
    }


def outcome(edit: Edit, project: Path, said: str, conflicts: list[str]) -> str:
    """kept; named, where the tool says what is to do; a reject beside the file; dead, without a word; or lost. Where a
    tool ends before it changed anything, an edit is not upgraded.
    """
    touched = [path for path in edit.touches if path in said or path in conflicts]
    if not edit.mark:
        gone = not (project / edit.touches[0]).exists()
        return "kept" if gone else "named" if touched else "lost"
    holders = {
        path.relative_to(project).as_posix() for path in text_files(project) if edit.mark.encode() in path.read_bytes()
    }
    rejected = {path for path in holders if path.endswith(".rej")}
    dead = {path for path in holders - rejected if is_dead(project, path)}
    if touched or holders & {path for path in conflicts if path in said}:
        return "named"
    if any(f"{path}.rej" in rejected for path in edit.touches) or (rejected and not holders - rejected - dead):
        return "reject"
    if dead:
        return "dead"
    return "kept" if holders - rejected else "lost"


def is_dead(project: Path, path: str) -> bool:
    """Whether Python imports a package instead of this module."""
    return path.endswith(".py") and (project / path.removesuffix(".py") / "__init__.py").is_file()


def both_changed(project: Path, path: str) -> bool:
    """Whether the two sides changed lines of the base that touch, as the stages of the index tell."""
    stages = [git_bytes(project, "show", f":{stage}:{path}") for stage in (1, 2, 3)]
    base, ours, theirs = stages
    if base is None or ours is None or theirs is None:
        return True  # one side removed or renamed what the other changed, or both made a file of one name
    changed = [list(spans(base, side)) for side in (ours, theirs)]
    return any(a[0] <= b[1] and b[0] <= a[1] for a in changed[0] for b in changed[1])


def spans(base: bytes, side: bytes) -> Iterator[tuple[int, int]]:
    matcher = SequenceMatcher(None, base.splitlines(), side.splitlines(), autojunk=False)
    for tag, start, end, _, _ in matcher.get_opcodes():
        if tag != "equal":
            yield start, end


def total(found: list[dict[str, Any]], tool: str) -> dict[str, Any]:
    outcomes = Counter(result for each in found for result in each[tool]["edits"].values())
    ours = [each[tool] for each in found] if tool == "make upgrade" else []
    more = {
        "conflicts_without_reason": sum(len(each["conflicts_without_reason"]) for each in ours),
        "finished_by_continue": sum(each["finished_by_continue"] for each in ours),
        "second_upgrade_does_nothing": sum(each["second_upgrade_does_nothing"] for each in ours),
    }
    return {
        "services": len(found),
        "edits": sum(outcomes.values()),
        **{name: outcomes[name] for name in ("kept", "named", "reject", "dead", "lost", "not upgraded")},
        **(more if ours else {}),
        "exit_0": sum(each[tool]["exit"] == 0 for each in found),
        "seconds_worst": max(each[tool]["seconds"] for each in found),
    }


def used(found: list[dict[str, Any]]) -> dict[str, int]:
    """How many of the services that were used do what is asked of them."""
    names = [name for name, value in found[0].items() if isinstance(value, bool)] if found else []
    tested = [each["quick_tests"] for each in found if "quick_tests" in each]
    return {
        "services": len(found),
        **{name: sum(each[name] for each in found) for name in names},
        "quick_tests_passed": sum(each["passed"] for each in tested),
        "quick_tests_failed": sum(len(each["failed"]) for each in tested),
    }


def export(commit: str, folder: Path) -> None:
    folder.mkdir()
    archive = subprocess.run(["git", "archive", commit], cwd=REPOSITORY, check=True, capture_output=True).stdout
    subprocess.run(["tar", "x", "-C", str(folder)], input=archive, check=True)


def bake(template: Path, out: Path, answers: dict[str, str]) -> Path:
    """A service as cookiecutter makes it; all its answers lie beside it."""
    out.mkdir()
    config = out.with_name("config.json")
    places = {"replay_dir": str(out.with_name("replay")), "cookiecutters_dir": str(out.with_name("c"))}
    config.write_text(json.dumps(places), encoding="utf-8")
    pairs = [f"{name}={value}" for name, value in answers.items()]
    command = [sys.executable, "-m", "cookiecutter", str(template), "--no-input", "--output-dir", str(out)]
    subprocess.run([*command, "--config-file", str(config), *pairs], check=True, capture_output=True)
    (replayed,) = out.with_name("replay").glob("*.json")
    replayed.rename(out.with_name("ours.answers.json"))
    (project,) = out.iterdir()
    return project


def run(command: list[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **SIGNED, "PYTHONUTF8": "1", "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )


def git(folder: Path, *words: str, check: bool = True) -> str:
    done = run(["git", *words], folder)
    if check:
        done.check_returncode()
    return done.stdout.strip()


def git_bytes(folder: Path, *words: str) -> bytes | None:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main())
