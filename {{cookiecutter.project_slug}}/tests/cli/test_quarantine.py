"""`app documents` and `app quarantine`: what is stored, what waits, and decisions on it."""

import re
from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result

from app.cli import app
from app.core.errors import Problem
from tests.cli.test_ingest import Ingest, folder, run, tenant

__all__ = ["folder", "run", "tenant"]

ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DAMAGED = b"The bell of the caf\xe9 is rung at noon."


def call(*arguments: object, tenant: str) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments), "--tenant", tenant])


def ids(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return ID.findall(result.stdout)


def test_documents_are_listed_shown_and_deleted(run: Ingest, folder: Path, tenant: str) -> None:
    (folder / "bell.txt").write_bytes(DAMAGED)
    run(folder, "--source", "notes")
    pages = [ids(call("documents", "list", "--limit", 2, tenant=tenant))]
    first = call("documents", "list", "--limit", 2, tenant=tenant)
    after = first.stderr.strip().rpartition(" ")[2]
    pages.append(ids(call("documents", "list", "--limit", 2, "--after", after, tenant=tenant)))
    assert [len(page) for page in pages] == [2, 1]
    assert len({*pages[0], *pages[1]}) == 3
    (held,) = ids(call("documents", "list", "--status", "quarantined", tenant=tenant))
    shown = call("documents", "show", held, tenant=tenant).stdout
    assert [part in shown for part in ("encoding_damage", "app quarantine show", "notes: bell.txt")] == [True] * 3
    assert ids(call("documents", "list", "--source", "other", tenant=tenant)) == []
    (published, _) = ids(call("documents", "list", "--status", "published", tenant=tenant))
    text = call("documents", "show", published, "--text", tenant=tenant).stdout
    assert text.strip() in ("# Lamps\n\nThe lamp is lit at dusk.", "The desk is made of oak.")
    deleted = call("documents", "delete", published, held, tenant=tenant)
    assert deleted.stdout.count("is deleted") == 2
    gone = call("documents", "show", published, tenant=tenant)
    assert (gone.exit_code, isinstance(gone.exception, Problem)) == (1, True)
    assert len(ids(call("documents", "list", tenant=tenant))) == 1


def test_what_waits_is_listed_shown_released_and_discarded(
    run: Ingest, folder: Path, tenant: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (folder / "bell.txt").write_bytes(DAMAGED)
    (folder / "empty.txt").write_bytes(b"")
    run(folder)
    assert len(ids(call("quarantine", "list", tenant=tenant))) == 2
    (bell,) = ids(call("quarantine", "list", "--reason", "encoding_damage", tenant=tenant))
    (empty,) = ids(call("quarantine", "list", "--reason", "empty_file", tenant=tenant))
    file = tmp_path_factory.mktemp("original") / "bell.txt"
    shown = call("quarantine", "show", bell, "--original", file, tenant=tenant)
    assert [part in shown.stdout for part in ("encoding_damage", "bell.txt", "Save the file as UTF-8")] == [True] * 3
    assert file.read_bytes() == DAMAGED
    assert "of 3 letters" in str(call("quarantine", "release", bell, "--note", ".", tenant=tenant).exception)
    released = call("quarantine", "release", bell, "--note", "read by hand", tenant=tenant)
    assert (released.exit_code, "is published" in released.stdout) == (0, True)
    assert "bell of the caf" in run.search("bell rung noon")
    held = call("quarantine", "release", empty, "--note", "try it", tenant=tenant)
    assert (held.exit_code, "in quarantine again: " in held.stdout) == (1, True)
    (again,) = ids(call("quarantine", "list", tenant=tenant))
    assert call("quarantine", "discard", again, "--note", "it is empty", tenant=tenant).exit_code == 0
    twice = call("quarantine", "discard", again, tenant=tenant)
    assert (twice.exit_code, isinstance(twice.exception, Problem)) == (1, True)
    assert "Nothing waits" in call("quarantine", "list", tenant=tenant).stdout
    decided = call("quarantine", "list", "--all", tenant=tenant).stdout
    assert [word in decided for word in ("released", "discarded")] == [True] * 2
    note = call("quarantine", "show", bell, tenant=tenant).stdout
    assert "read by hand" in note


def test_what_cannot_be_done_is_said_in_a_sentence(run: Ingest, folder: Path, tenant: str) -> None:
    run(folder, "--no-wait")
    for arguments, status, says in (
        (("quarantine", "list", "--reason", "nonsense"), 2, "near_duplicate"),
        (("quarantine", "list", "--limit", "0"), 2, "--limit"),
        (("documents", "list", "--status", "nonsense"), 2, "quarantined"),
        (("quarantine", "show", "nonsense"), 2, "valid UUID"),
        (("documents", "list", "--after", "nonsense"), 1, "The cursor cannot be read"),
        (("quarantine", "release", uuid4()), 1, "There is no quarantine entry"),
        (("documents", "delete", uuid4()), 1, "There is no document"),
        (("documents", "show", uuid4(), "--text"), 1, "There is no document"),
    ):
        result = call(*arguments, tenant=tenant)
        assert result.exit_code == status, arguments
        assert says in re.sub(r"[\s│]+", " ", f"{result.output}{result.stderr} {result.exception}"), arguments
