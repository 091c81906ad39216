"""Whether an upgraded service goes on with the database of the old one, and whether its own quick tests pass.

`set_up` before the upgrade: the old service in an environment of its own, with a migrated database, a document and an
answer. `used_again` after it: the new service on that very database.
"""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.owner_edits import complete

DOCUMENT = (
    "# The lighthouse\n\nThe lamp of the lighthouse at Skerry is lit at sunset and put out at dawn. "
    "Its keeper is called Marlow.\n"
)
NAME = "lighthouse.md"
QUESTION = "Who is the keeper of the lighthouse at Skerry?"
FACT = "Marlow"
LOOK = """
import json, sys
from pathlib import Path
import psycopg
from app.core.embedded import start_embedded

server = start_embedded(Path(".data"))
try:
    with psycopg.connect(server.urls().owner) as owner:
        owner.execute("alter table answers no force row level security")
        answers = [str(row[0]) for row in owner.execute("select id from answers order by created_at")]
        notes = [row[0] for row in owner.execute("select note from own_notes order by id")]
        owner.rollback()
finally:
    server.stop()
json.dump({"answers": answers, "notes": notes}, sys.stdout)
"""
FAILED = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)
PASSED = re.compile(r"(\d+) passed")
OWN = ("APP_", "DATABASE_URL", "OPENAI_", "ANTHROPIC_")


def call(project: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    """A command of the service as its operator runs it, in the service's folder, with the settings that are its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
    return subprocess.run(
        command,
        cwd=project,
        env={**clean, "NO_COLOR": "1", "COLUMNS": "200", "PYTHONUTF8": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def app(project: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return call(project, ".venv/bin/app", *words)


def look(project: Path) -> Any:
    """The ids of all answers, the oldest first, and the rows of the owner's own table."""
    done = call(project, ".venv/bin/python", "-W", "ignore", "-c", LOOK)
    return json.loads(done.stdout.rpartition("\n")[2]) if done.returncode == 0 else {"answers": [], "notes": []}


def asked(project: Path) -> bool:
    """Whether the service finds the document and cites it."""
    done = app(project, "ask", QUESTION)
    return done.returncode == 0 and FACT in done.stdout and NAME in done.stdout


def set_up(project: Path) -> dict[str, Any]:
    """The old service, used for the first time. Errors: RuntimeError where it does not work as it is."""
    document = project.parent / NAME
    document.write_text(DOCUMENT, encoding="utf-8")
    steps = (("make", "--silent", "env"), (".venv/bin/app", "migrate"), (".venv/bin/app", "ingest", str(document)))
    for step in steps:
        done = call(project, *step)
        if done.returncode:
            raise RuntimeError(f"{step} in the old service: {done.stdout}")
    found = asked(project) and look(project)
    if not found or len(found["notes"]) != 3:
        raise RuntimeError(f"the old service does not answer, or has not migrated: {found}")
    return dict(found)


def used_again(project: Path, before: dict[str, Any]) -> dict[str, Any]:
    """The new service on the database of the old one."""
    made = call(project, "make", "--silent", "env")
    migrated = app(project, "migrate")
    again = app(project, "migrate")
    shown = app(project, "answers", "show", before["answers"][0])
    return {
        "environment": made.returncode == 0,
        "migrated": migrated.returncode == 0,
        "said": migrated.stdout.strip().splitlines()[-1] if migrated.stdout.strip() else "",
        "second_migration_does_nothing": again.returncode == 0 and "→" not in again.stdout,
        "document_found_and_cited": asked(project),
        "old_answer_readable": shown.returncode == 0 and FACT in shown.stdout,
        "own_rows_kept": look(project)["notes"] == before["notes"],
    }


def quick_tests(project: Path) -> dict[str, Any]:
    """`make test-quick` once the owner's edits are complete, as CONTRIBUTING.md asks."""
    complete(project)
    pages = call(project, "make", "--silent", "env-dev")
    if pages.returncode == 0:
        pages = call(project, ".venv/bin/python", "scripts/reference.py")
    if pages.returncode:
        raise RuntimeError(f"the pages of the upgraded service are not written: {pages.stdout}")
    done = call(project, "make", "--silent", "test-quick")
    passed = PASSED.search(done.stdout)
    return {"passed": int(passed[1]) if passed else 0, "failed": sorted(set(FAILED.findall(done.stdout)))}
