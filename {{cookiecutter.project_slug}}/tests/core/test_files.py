"""Files are read completely and consistently, or rejected with a reason."""

import os
from pathlib import Path

import pytest

from app.core.files import FileUnreadable, FoundFile, find, printable, read


def test_files_come_in_the_order_of_their_paths_and_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b/x.txt", "a/z.txt", "a/y/x.txt", ".git/config", "c.txt", "a/.hidden"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    found = [each.uri for each in find([tmp_path]) if isinstance(each, FoundFile)]
    assert found == ["a/y/x.txt", "a/z.txt", "b/x.txt", "c.txt"]


def test_a_folder_of_any_depth_is_searched(tmp_path: Path) -> None:
    top = here = tmp_path / "top"
    top.mkdir()
    for _ in range(1200):
        here = here / "d"
        here.mkdir()
    (here / "x.txt").write_text("x")
    try:
        (found,) = find([top])
    finally:  # pytest cannot remove folders nested so deeply
        (here / "x.txt").unlink()
        while here != top:
            here.rmdir()
            here = here.parent
    assert isinstance(found, FoundFile)
    assert found.uri.endswith("d/x.txt")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain name.txt", "plain name.txt"),
        ("Grüße.txt", "Grüße.txt"),
        ("caf\udce9", "caf\\xe9"),
        ("\ud800", "\\ud800"),
        ("a\nb\x1b[2J\x85\u202e", "a\\nb\\x1b[2J\\x85\\u202e"),
    ],
)
def test_a_name_is_shown_on_one_line_of_any_terminal(name: str, shown: str) -> None:
    assert printable(name) == shown


def test_a_file_that_keeps_changing_is_retried_and_then_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log.txt"
    path.write_text("one")
    real, grown = os.fstat, []

    def growing(number: int) -> os.stat_result:
        with path.open("a") as file:
            file.write("more")
        grown.append(number)
        return real(number)

    monkeypatch.setattr(os, "fstat", growing)
    with pytest.raises(FileUnreadable, match="changed while it was read"):
        read(FoundFile(path, "log.txt"), 1000)
    assert len(grown) == 6
    monkeypatch.undo()
    assert read(FoundFile(path, "log.txt"), 1000) == path.read_bytes()


def test_a_pipe_that_replaced_a_file_does_not_block(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    os.mkfifo(path)
    with pytest.raises(FileUnreadable, match="a pipe"):
        read(FoundFile(path, "a.txt"), 1000)


def test_an_unreadable_file_is_reported_and_the_others_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Simulates a user who is not root."""
    for name in ("a.txt", "closed/b.txt", "secret.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    real_list, real_open = os.listdir, os.open

    def listdir(path: Path) -> list[str]:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return real_list(path)

    def opened(path: Path, flags: int) -> int:
        if Path(path).name == "secret.txt":
            raise PermissionError(13, "Permission denied")
        return real_open(path, flags)

    monkeypatch.setattr(os, "listdir", listdir)
    monkeypatch.setattr(os, "open", opened)
    readable, folder, secret = find([tmp_path])
    assert isinstance(readable, FoundFile)
    assert read(readable, 10) == b"x"
    assert isinstance(folder, FileUnreadable)
    assert "closed: It may not be read. Give" in str(folder)
    assert isinstance(secret, FoundFile)
    with pytest.raises(FileUnreadable, match="It may not be read"):
        read(secret, 10)
