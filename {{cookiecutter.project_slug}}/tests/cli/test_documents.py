"""`app documents`, and the access file that `app ingest` finds in a folder."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli import access_file, app
from app.cli.common import with_caller
from app.core.errors import StartRefused
from app.ingestion.domain.views import DocumentDetails
from tests.cli.test_ingest import Ingest, folder, run, tenant

__all__ = ["folder", "run", "tenant"]


def documents(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["documents", *map(str, arguments)])


def stored(tenant: str) -> dict[str, DocumentDetails]:
    found = with_caller(
        tenant,
        lambda state, caller: state.ingestion.list(caller, status=None, source=None, after=None, limit=100),
    )
    return {each.uri: each for each in found}


def readers(tenant: str) -> dict[str, tuple[str, ...]]:
    return {uri: each.access_groups for uri, each in stored(tenant).items()}


def test_the_access_file_of_a_folder_is_followed_at_each_ingest(run: Ingest, folder: Path, tenant: str) -> None:
    rules = folder / ".access.yaml"
    rules.write_text('"*": [staff]\nhow-to/: [hr, lab]\nhow-to/lamps.md: []\n')
    (folder / "how-to" / "ropes.md").write_text("# Ropes\n\nThe ropes are bought in spring.\n")
    assert run(folder).exit_code == 0
    before = readers(tenant)
    assert before == {"how-to/lamps.md": (), "how-to/ropes.md": ("hr", "lab"), "desks.txt": ("staff",)}
    rules.write_text('"*": [staff]\nhow-to/: [hr]\n')
    again = run(folder)
    assert "duplicate" in again.output, "no text was stored again"
    assert readers(tenant) == {"how-to/lamps.md": ("hr",), "how-to/ropes.md": ("hr",), "desks.txt": ("staff",)}
    shown = documents("source", "upload", "--tenant", tenant)
    assert [word in shown.stdout for word in ("how-to/", "staff", "hr")] == [True] * 3


def test_readers_are_set_without_an_upload(run: Ingest, folder: Path, tenant: str, tmp_path: Path) -> None:
    run(folder)
    [one] = [each.id for uri, each in stored(tenant).items() if uri == "desks.txt"]
    closed = documents("access", one, "--group", "hr", "--tenant", tenant)
    assert "1 of 1 documents have other readers now." in closed.stdout
    assert readers(tenant)["desks.txt"] == ("hr",)
    rules = tmp_path / "rules.yaml"
    rules.write_text('"*": []\n')
    opened = documents("source", "upload", "--file", rules, "--tenant", tenant)
    assert "1 document can now be read" in opened.stderr
    assert readers(tenant)["desks.txt"] == ()


@pytest.mark.parametrize(
    "content",
    ["", "- hr\n", "a: hr\n", "a: [hr]\na: []\n", "a: [not a group]\n", "a: [hr\n", "? [a]\n: [hr]\n", "[" * 2000],
)
def test_an_access_file_that_is_not_valid_stops_the_ingest(
    run: Ingest, folder: Path, tenant: str, content: str
) -> None:
    (folder / ".access.yaml").write_text(content)
    refused = run(folder)
    assert isinstance(refused.exception, StartRefused)
    assert ".access.yaml: " in str(refused.exception)


def test_readers_are_named_once(run: Ingest, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    (folder / ".access.yaml").write_text("a: [hr]\n")
    other = tmp_path_factory.mktemp("other")
    (other / ".access.yaml").write_text("a: [hr]\n")
    for arguments in ((folder, "--group", "lab"), (folder, other)):
        refused = run(*arguments)
        assert isinstance(refused.exception, StartRefused), arguments
    for arguments in ((), ("--group", "hr", "--everybody")):
        refused = documents("access", "00000000-0000-0000-0000-000000000000", *arguments)
        assert isinstance(refused.exception, StartRefused), arguments


def test_an_access_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"#" * (access_file.MAX_FILE_BYTES + 1))
    with pytest.raises(StartRefused, match="larger"):
        access_file.read_access_file(tmp_path / "a.yaml")
