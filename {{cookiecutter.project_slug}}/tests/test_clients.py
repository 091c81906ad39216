"""The table of clients comes from a run in which none failed, of programs that are there."""

import json
from pathlib import Path

from benchmarks.clients.catalogue import CHECKS, PROGRAMS

FOLDER = Path(__file__).parent.parent / "benchmarks" / "clients" / "programs"
RESULT = FOLDER.parent.parent / "results" / "clients.json"


def test_every_program_is_in_the_catalogue() -> None:
    found = {path.name for path in FOLDER.iterdir() if path.suffix in (".py", ".mjs") and path.stem != "common"}
    assert found == {program.file for program in PROGRAMS}


def test_every_client_was_run_and_none_failed() -> None:
    clients = json.loads(RESULT.read_text(encoding="utf-8"))["clients"]
    assert set(clients) == {program.name for program in PROGRAMS}
    for name, result in clients.items():
        assert result["version"], name
        assert set(result["checks"]) <= set(CHECKS), name
        assert [check for check, outcome in result["checks"].items() if outcome.startswith("failed")] == [], name


def test_the_lock_of_the_clients_for_node_names_no_host() -> None:
    lock = json.loads((FOLDER / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: each for name, each in lock["packages"].items() if name}
    assert packages
    assert all("resolved" not in each and each["integrity"] for each in packages.values() if not each.get("inBundle"))
