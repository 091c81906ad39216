"""Evaluates this working tree against the live release or, with BASE=<commit>, against that commit.

The commit is checked out into a temporary folder and evaluated on the same machine with the cases and documents of this
tree; this tree is then compared with its report. Reports go to evaluation/. Exit status: 0 PASS, 1 FAIL,
2 INCONCLUSIVE, 3 could not be evaluated.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "evaluation"
BROKEN = 3


def main() -> int:
    base = os.environ.get("BASE", "").strip()
    if not base:
        return evaluate(ROOT, OUT, {})
    with tempfile.TemporaryDirectory(prefix="evaluate-") as name:
        scratch = Path(name)
        report = report_on(base, scratch)
        baseline = ["--against", str(report)] if report else []
        return evaluate(ROOT, OUT, {"APP_DATA_DIR": str(scratch / "data")}, *baseline)


def report_on(base: str, scratch: Path) -> Path | None:
    """The report of a commit, or None when it cannot be evaluated."""
    if git("cat-file", "-e", f"{base}^{{commit}}").returncode:
        print(f"There is no commit {base} here: judging by floors and protected cases only.", flush=True)
        return None
    with checked_out(base, scratch / "base") as folder:
        if not (folder / "app" / "cli" / "evaluate.py").exists():
            print(f"{base} has no command to evaluate: judging by floors and protected cases only.", flush=True)
            return None
        for shared in cases_and_documents():
            shutil.rmtree(folder / shared, ignore_errors=True)
            shutil.copytree(ROOT / shared, folder / shared)
        print(f"Evaluating {base}", flush=True)
        evaluate(folder, scratch / "report", {"APP_DATA_DIR": str(scratch / "data-of-base")})
    report = scratch / "report" / "report.json"
    if not report.exists():
        print(f"{base} could not be evaluated: judging by floors and protected cases only.", flush=True)
        return None
    return report


def cases_and_documents() -> list[str]:
    """The folders of cases and documents that both evaluations use, none inside another."""
    corpus = ROOT / "evals" / "corpus.json"
    paths = [each["path"] for each in json.loads(corpus.read_text("utf-8"))["folders"]] if corpus.exists() else []
    return ["evals", *sorted({path for path in paths if Path(path).parts[0] != "evals" and (ROOT / path).is_dir()})]


@contextmanager
def checked_out(commit: str, folder: Path) -> Iterator[Path]:
    result = git("worktree", "add", "--detach", str(folder), commit)
    if result.returncode:
        sys.exit(f"git worktree: {result.stderr.strip()}")
    try:
        yield folder
    finally:
        git("worktree", "remove", "--force", str(folder))


def evaluate(folder: Path, out: Path, variables: dict[str, str], *more: str) -> int:
    environment = {**os.environ, **variables, "PYTHONPATH": str(folder)}
    app = [sys.executable, "-m", "app"]
    migration = subprocess.run([*app, "migrate"], cwd=folder, env=environment, check=False)
    if migration.returncode:
        return BROKEN
    command = [*app, "evaluate", "--out", str(out), *more]
    return subprocess.run(command, cwd=folder, env=environment, check=False).returncode


def git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    sys.exit(main())
