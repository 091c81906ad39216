"""The team's chain of migrations beside the template's: told apart, run in order, and refused when it cannot be."""

import re
import shutil
from pathlib import Path

import psycopg
import pytest

from app.core.embedded import Urls
from app.core.errors import StartRefused
from app.core.revisions import NO_EXTENSIONS, current, extensions, newest, newest_extension, reached, required
from app.core.schema import migrate, verify
from tests.conftest import ROOT, FreshDatabase
from tests.extensions.extended_service import ExtendedService, clear

FIRST = f'''
from alembic import op
revision = "x0001"
down_revision = None
branch_labels = ("extensions",)
depends_on = "{newest(ROOT)}"
phase = "expand"
def upgrade():
    op.execute("create table own (id int)")
def downgrade():
    op.execute("drop table own")
'''
SECOND = """
from alembic import op
revision = "x0002"
down_revision = "x0001"
phase = "{phase}"
def upgrade():
    op.execute("alter table own add column shade text")
def downgrade():
    op.execute("alter table own drop column shade")
"""
THIRD = SECOND.format(phase="expand").replace("x0002", "x0003")
NEXT = f'''
revision = "9999"
down_revision = "{newest(ROOT)}"
phase = "expand"
def upgrade():
    pass
def downgrade():
    pass
'''


def copy(folder: Path) -> Path:
    """The migrations of the template alone, whatever chain this service has of its own."""
    shutil.copytree(ROOT / "migrations", folder / "migrations")
    clear(folder / "migrations" / "extensions")
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return copy(tmp_path / "root")


@pytest.fixture
def before(tmp_path: Path) -> Path:
    return copy(tmp_path / "before")


def own(root: Path, name: str, text: str) -> None:
    (root / "migrations" / "extensions" / f"{name}.py").write_text(text)


def test_the_two_chains_are_read_apart(root: Path) -> None:
    assert (extensions(root), newest_extension(root), required(root)) == ({}, None, (newest(ROOT),))
    own(root, "1", FIRST)
    own(root, "2", SECOND.format(phase="expand"))
    assert extensions(root) == {"x0001": None, "x0002": "x0001"}
    assert required(root) == (newest(ROOT), "x0002")
    assert newest(ROOT) in reached(root, ["x0002"])
    assert current(root, ["x0002"]) == (newest(ROOT), "x0002")
    assert current(root, ["0007", "unknown"]) == ("0007", "unknown")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            SECOND.format(phase="expand").replace("x0002", "x0003"),
            "has 2 heads, x0002 and x0003: set the down_revision",
        ),
        (SECOND.format(phase="expand"), "2.py and 3.py are both revision x0002; give one of them another"),
        (
            SECOND.format(phase="expand").replace('"x0001"', '"0007"').replace("x0002", "x0003"),
            "its down_revision 0007 is not in",
        ),
        (FIRST.replace("x0001", "0001"), "3.py: 0001 is a revision of the template"),
        (
            FIRST.replace("x0001", "x0009").replace(newest(ROOT), "4711"),
            "depends_on is 4711, which migrations/versions",
        ),
        (FIRST.replace("x0001", "x0009").replace('("extensions",)', "None"), "the first one needs branch_labels"),
        ("def upgrade(): pass", "3.py names no revision"),
    ],
)
def test_a_chain_that_cannot_be_run_is_refused_with_the_cure(root: Path, text: str, sentence: str) -> None:
    own(root, "1", FIRST)
    own(root, "2", SECOND.format(phase="expand"))
    own(root, "3", text)
    with pytest.raises(StartRefused, match=re.escape(sentence)):
        required(root)


def test_a_chain_is_read_however_its_names_are_quoted(root: Path) -> None:
    own(root, "1", FIRST.replace('"', "'").replace("branch_labels = ", "branch_labels: tuple[str] | None = "))
    own(root, "2", SECOND.format(phase="expand").replace('"x000', "'x000").replace('"\n', "'\n"))
    assert extensions(root) == {"x0001": None, "x0002": "x0001"}
    assert newest(ROOT) in reached(root, ["x0002"])


@pytest.mark.long
def test_a_new_migration_takes_no_revision_that_is_there(tmp_path: Path) -> None:
    service = ExtendedService.make(tmp_path)
    own(service.folder, "1", FIRST)
    own(service.folder, "3", SECOND.format(phase="expand").replace("x0002", "x0003"))
    assert "_x0004_third.py" in service.must("migrate", "--new", "third")
    assert newest_extension(service.folder) == "x0004"


def test_two_heads_in_the_templates_folder_are_refused_with_the_cure(root: Path) -> None:
    for number in ("9998", "9999"):
        (root / "migrations" / "versions" / f"{number}.py").write_text(NEXT.replace("9999", number))
    with pytest.raises(StartRefused, match="has 2 heads, 9998 and 9999: move yours to migrations/extensions"):
        newest(root)


async def test_both_chains_go_forward_and_back(root: Path, before: Path, fresh_database: FreshDatabase) -> None:
    template = newest(ROOT)
    own(root, "1", FIRST)
    with fresh_database() as urls:
        if extensions(ROOT):
            migrate(urls.owner, urls.service, ROOT, NO_EXTENSIONS)
        assert applied(urls) == {template}
        assert migrate(urls.owner, urls.service, root) == (template, f"{template} with x0001")
        await verify(urls.service, root)
        await verify(urls.service, before)  # which knows nothing of the team's chain
        own(root, "2", SECOND.format(phase="contract"))
        with pytest.raises(StartRefused, match=f"{template} with x0001, this code needs {template} with x0002"):
            await verify(urls.service, root)
        # The template moves on, and the team's chain stays where it is.
        (root / "migrations" / "versions" / "9999_next.py").write_text(NEXT)
        assert migrate(urls.owner, urls.service, root) == (f"{template} with x0001", "9999 with x0002")
        await verify(urls.service, root)
        with pytest.raises(StartRefused, match="newer than this code knows"):
            await verify(urls.service, before)  # a contracting migration takes away what the code before it uses
        assert migrate(urls.owner, urls.service, root, "x0001")[1] == "9999 with x0001"
        assert migrate(urls.owner, urls.service, root, template)[1] == f"{template} with x0001"
        assert migrate(urls.owner, urls.service, root, "extensions@base")[1] == template
        assert migrate(urls.owner, urls.service, root)[1] == "9999 with x0002"
        # What the team's chain depends on cannot be undone without it.
        assert migrate(urls.owner, urls.service, root, "0030")[1] == "0030"
        assert "own" not in tables(urls)


def applied(urls: Urls) -> set[str]:
    with psycopg.connect(urls.owner) as owner:
        return {str(revision) for (revision,) in owner.execute("select version_num from alembic_version")}


def tables(urls: Urls) -> set[str]:
    with psycopg.connect(urls.owner) as owner:
        return {str(name) for (name,) in owner.execute("select relname from pg_class where relkind = 'r'")}
