"""A folder with any bytes is read within bounds."""

import codecs
from pathlib import Path

import pytest

from app.governance.domain.adoption.adoption_map import AdoptionMap
from app.governance.service import prototype_reader
from app.governance.service.prototype_reader import PrototypeUnreadable, adopt


def kinds(found: AdoptionMap) -> set[tuple[str, int]]:
    return {(each.kind, each.line) for each in found.fragile if each.kind != "no_tests"}


@pytest.mark.parametrize(
    "content",
    [
        b"x = 1\neval(x)",
        b"x = 1\r\neval(x)\r\n",
        codecs.BOM_UTF8 + b"x = 1\neval(x)",
        "\ufeffx = 1\neval(x)".encode("utf-16-le"),
        "\ufeffx = 1\neval(x)".encode("utf-16-be"),
        b"# -*- coding: latin-1 -*-\neval('\xe4')",
        b"x = '\xff\xfe'\neval(x)",
    ],
    ids=["utf-8", "crlf", "marked utf-8", "utf-16 le", "utf-16 be", "latin-1", "damaged"],
)
def test_python_is_read_in_the_encodings_that_editors_write(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bot.py").write_bytes(content)
    assert kinds(adopt(tmp_path)) == {("evaluated_text", 2)}


def test_requirements_that_a_shell_wrote_in_utf_16_are_read(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes("\ufeffopenai==1.2\r\nfaiss\r\n".encode("utf-16-le"))
    assert kinds(adopt(tmp_path)) == {("unpinned_requirements", 2)}


def test_a_binary_file_is_mapped_and_not_read(tmp_path: Path) -> None:
    (tmp_path / "embeddings.npy").write_bytes(b"\x93NUMPY\0password = 'Hunter2Hunter2'")
    found = adopt(tmp_path)
    assert [(file.path, file.rooms) for file in found.files] == [("embeddings.npy", ("app/retrieval",))]
    assert (found.fragile, found.skipped) == ((), 0)


def test_files_beyond_the_sum_of_bytes_are_counted_as_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prototype_reader, "MAX_BYTES", 20)
    for name in ("a.py", "b.py", "c.py"):
        (tmp_path / name).write_text("eval(12345)")
    (tmp_path / "d.py").write_text("exec(1)")
    found = adopt(tmp_path)
    assert {each.path for each in found.fragile if each.kind == "evaluated_text"} == {"a.py", "d.py"}
    assert (len(found.files), found.skipped) == (4, 2)


@pytest.mark.parametrize("extra", [0, 1])
def test_a_file_of_the_largest_size_is_read_and_one_byte_more_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extra: int
) -> None:
    monkeypatch.setattr(prototype_reader, "MAX_FILE_BYTES", 11)
    (tmp_path / "a.py").write_text("eval(12345)" + "\n" * extra)
    found = adopt(tmp_path)
    assert (len(found.fragile) > 0, found.skipped) == (not extra, extra)


@pytest.mark.parametrize("folder", [".git", ".venv", "node_modules", "__pycache__", ".ipynb_checkpoints"])
def test_what_was_installed_or_generated_is_left_out(tmp_path: Path, folder: str) -> None:
    (tmp_path / "src" / folder).mkdir(parents=True)
    (tmp_path / "src" / folder / "a.py").write_text("eval(1)")
    (tmp_path / "src" / "b.py").write_text("")
    assert [file.path for file in adopt(tmp_path).files] == ["src/b.py"]


def test_files_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b/z.py", "b/a/y.py", "c.py", "a.py", "B.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert [file.path for file in adopt(tmp_path).files] == ["B.py", "a.py", "c.py", "b/z.py", "b/a/y.py"]


def test_an_empty_folder_has_an_empty_map_and_a_file_is_no_folder(tmp_path: Path) -> None:
    assert adopt(tmp_path) == AdoptionMap(tmp_path.name, (), (), (), 0)
    path = tmp_path / "a\x1b[2J.py"
    path.write_text("")
    with pytest.raises(PrototypeUnreadable) as refused:
        adopt(path)
    assert str(refused.value).isprintable()


def test_a_folder_is_named_by_its_own_name_where_one_stands_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bot").mkdir()
    monkeypatch.chdir(tmp_path / "bot")
    assert adopt(Path(".")).name == "bot"
