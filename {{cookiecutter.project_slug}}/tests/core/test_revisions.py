from pathlib import Path

import pytest

from app.core.errors import StartRefused
from app.core.revisions import newest, phases, revisions, supported

CHAIN = [
    ("0001", None, None),
    ("0002", "0001", "expand"),
    ("0003", "0002", "expand"),
    ("0004", "0003", "contract"),
    ("0005", "0004", "expand"),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations" / "versions"
    folder.mkdir(parents=True)
    for revision, below, phase in CHAIN:
        lines = [f'revision: str = "{revision}"', f'down_revision = "{below}"' if below else "down_revision = None"]
        lines += [f'phase = "{phase}"'] if phase else []
        (folder / f"{revision}_change.py").write_text("\n".join([*lines, "", ""]))
    return tmp_path


def test_the_chain_is_read_from_the_files(root: Path) -> None:
    assert revisions(root) == {revision: below for revision, below, _ in CHAIN}
    assert phases(root) == {revision: phase for revision, _, phase in CHAIN if phase}
    assert newest(root) == "0005"


@pytest.mark.parametrize(
    ("revision", "code"),
    [
        ("0001", ["0001"]),
        ("0002", ["0002", "0001"]),
        ("0003", ["0003", "0002", "0001"]),
        ("0004", ["0004", "0003"]),
        ("0005", ["0005", "0004", "0003"]),
        ("0099", ["0099"]),
    ],
)
def test_code_runs_on_later_schemas_up_to_the_first_that_contracts(root: Path, revision: str, code: list[str]) -> None:
    assert supported(revision, root) == code


def test_a_folder_without_migrations_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartRefused, match=r"No migrations were found in .*; is APP_ROOT the service's folder"):
        revisions(tmp_path)
