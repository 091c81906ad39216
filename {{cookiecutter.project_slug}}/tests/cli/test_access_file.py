"""The file that says who may read the documents beside it, without a service."""

from pathlib import Path

import pytest

from app.cli.access_file import ACCESS_FILE, MAX_FILE_BYTES, access_files_in, read_access_file
from app.core.errors import StartRefused


def read(folder: Path, content: str | bytes) -> dict[str, list[str]]:
    path = folder / ACCESS_FILE
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return {uri: sorted(groups) for uri, groups in read_access_file(path)}


@pytest.mark.parametrize(
    ("content", "rules"),
    [
        ("{}", {}),
        ("a: []", {"a": []}),
        ('"*": [hr]\nhr/: [hr, lab]\n', {"*": ["hr"], "hr/": ["hr", "lab"]}),
        ("'7': ['7']", {"7": ["7"]}),
        ("a: &both [hr, lab]\nb: *both\n", {"a": ["hr", "lab"], "b": ["hr", "lab"]}),
        ("\ufeffa: [hr]", {"a": ["hr"]}),
        ("straße/größe.md: [hr]", {"straße/größe.md": ["hr"]}),
    ],
)
def test_a_file_names_the_groups_of_addresses(tmp_path: Path, content: str, rules: dict[str, list[str]]) -> None:
    assert read(tmp_path, content) == rules


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a: [hr]\n---\nb: [hr]\n", "not valid YAML"),
        ("a: [*missing]", "not valid YAML"),
        ("a: !!python/object/apply:os.getcwd []", "not valid YAML"),
        ("a: [2024-13-45]", "not valid YAML"),
        ("2024-02-30: [hr]", "not valid YAML"),
        ("a: [0b_]", "not valid YAML"),
        ("a: [!!bool hr]", "not valid YAML"),
        ("a: [!!timestamp hr]", "not valid YAML"),
        ("a: [!!float hr]", "not valid YAML"),
        (b"a: [\xff]", "not valid YAML"),
        (b"a: [hr\0]", "not valid YAML"),
        ("a: [" + "9" * 5000 + "]", "not valid YAML"),
        ("a: &a [*a]", "something else than a list"),
        ("a: [yes]", "something else than a list"),
        ("yes: [hr]", "no mapping"),
        ("a: [hr]\n'a': []\n", "'a' stands there twice"),
        ('a: [hr]\nb: [hr]\n"a": [lab]\n', "'a' stands there twice"),
        ("'': [hr]", "empty"),
        ('"a\\u0007": [hr]', "control characters"),
        ("a: ['!nobody']", "'!nobody' is not a valid name"),
    ],
)
def test_a_file_that_is_not_valid_is_refused_with_its_name(tmp_path: Path, content: str | bytes, words: str) -> None:
    with pytest.raises(StartRefused, match=words) as refused:
        read(tmp_path, content)
    assert str(refused.value).startswith(f"{tmp_path / ACCESS_FILE}: ")
    assert "\n" not in str(refused.value)


def test_the_largest_file_is_read_to_its_end(tmp_path: Path) -> None:
    rule = "a: [hr]"
    assert read(tmp_path, "#" * (MAX_FILE_BYTES - len(rule) - 1) + "\n" + rule) == {"a": ["hr"]}


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.yaml", tmp_path):
        with pytest.raises(StartRefused, match="cannot be read") as refused:
            read_access_file(path)
        assert str(path) in str(refused.value)


def test_only_folders_that_are_named_have_access_files(tmp_path: Path) -> None:
    with_file, without, inner = tmp_path / "a", tmp_path / "b", tmp_path / "b" / "inner"
    for folder in (with_file, inner):
        folder.mkdir(parents=True)
        (folder / ACCESS_FILE).write_text("{}")
    document = without / "lamps.md"
    document.write_text("# Lamps")
    found = access_files_in([with_file, without, document, tmp_path / "missing", with_file / ACCESS_FILE])
    assert found == [with_file / ACCESS_FILE]
