"""Data of another major version of PostgreSQL is left alone, and the way to take it over is named."""

from pathlib import Path

import pytest

from app.core.embedded import start_embedded
from app.core.errors import StartRefused


def test_a_folder_of_another_major_version_is_refused_with_the_way_over(tmp_path: Path) -> None:
    data = tmp_path / "postgres"
    data.mkdir()
    (data / "PG_VERSION").write_text("16\n")
    with pytest.raises(
        StartRefused, match=r"of PostgreSQL 16, .* brings 18: run 'app backup FOLDER'.*app restore FOLDER"
    ):
        start_embedded(tmp_path)
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]
