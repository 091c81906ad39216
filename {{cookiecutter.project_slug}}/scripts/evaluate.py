"""Measures this working tree: against the release that is live here, or, with BASE=<commit>, against that commit.

The commit is checked out beside, given the cases and documents of this tree and measured on the same machine; its
report is what this tree is compared with. Reports go to evaluation/. Exit status: 0 PASS, 1 FAIL, 2 INCONCLUSIVE,
3 could not be measured.
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
        aside = Path(name)
        report = measured(base, aside)
        own = ["--against", str(report)] if report else []
        return evaluate(ROOT, OUT, {"APP_DATA_DIR": str(aside / "data")}, *own)


def measured(base: str, aside: Path) -> Path | None:
    """The report on a commit; None when there is none to compare with."""
    if git("cat-file", "-e", f"{base}^{{commit}}").returncode:
        print(f"There is no commit {base} here: judging by floors and protected cases alone.", flush=True)
        return None
    with checked_out(base, aside / "base") as folder:
        if not (folder / "app" / "cli" / "evaluate.py").exists():
            print(f"{base} cannot evaluate yet: judging by floors and protected cases alone.", flush=True)
            return None
        for shared in cases_and_documents():
            shutil.rmtree(folder / shared, ignore_errors=True)
            shutil.copytree(ROOT / shared, folder / shared)
        print(f"Measuring {base}", flush=True)
        evaluate(folder, aside / "report", {"APP_DATA_DIR": str(aside / "data-of-base")})
    report = aside / "report" / "report.json"
    if not report.exists():
        print(f"{base} could not be measured: judging by floors and protected cases alone.", flush=True)
        return None
    return report


def cases_and_documents() -> list[str]:
    """The folders that both sides are asked about, none inside another."""
    corpus = ROOT / "evals" / "corpus.json"
    named = [each["path"] for each in json.loads(corpus.read_text("utf-8"))["folders"]] if corpus.exists() else []
    return ["evals", *sorted({path for path in named if Path(path).parts[0] != "evals" and (ROOT / path).is_dir()})]


@contextmanager
def checked_out(commit: str, folder: Path) -> Iterator[Path]:
    done = git("worktree", "add", "--detach", str(folder), commit)
    if done.returncode:
        sys.exit(f"git worktree: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        git("worktree", "remove", "--force", str(folder))


def evaluate(folder: Path, out: Path, variables: dict[str, str], *more: str) -> int:
    environment = {**os.environ, **variables, "PYTHONPATH": str(folder)}
    app = [sys.executable, "-m", "app"]
    migrated = subprocess.run([*app, "migrate"], cwd=folder, env=environment, check=False)
    if migrated.returncode:
        return BROKEN
    command = [*app, "evaluate", "--out", str(out), *more]
    return subprocess.run(command, cwd=folder, env=environment, check=False).returncode


def git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    sys.exit(main())
