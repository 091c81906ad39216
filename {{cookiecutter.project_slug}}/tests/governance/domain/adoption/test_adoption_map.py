"""The map of files in memory: notebooks, requirements, what is missing altogether, and what must not get into it."""

import json
import warnings

import pytest

from app.governance.domain.adoption.adoption_map import MIN_LINES_TO_LOG, AdoptionMap, make_map
from app.governance.domain.adoption.map_markdown import map_markdown
from app.governance.domain.adoption.prototype import PrototypeFile
from app.governance.domain.adoption.syntax_rules import MAX_FILE_LINES

TOKEN = "ghp_" + "Ab3dEf6hKx" * 4
"""Put together here, so that no scan of this repository finds it."""
TESTED = PrototypeFile("tests/test_bot.py", 1, "")


def map_of(text: str | None, path: str = "bot.py", *others: PrototypeFile) -> AdoptionMap:
    return make_map("bot", [PrototypeFile(path, 1, text), TESTED, *others], 0)


def places(found: AdoptionMap) -> list[tuple[str, str, int]]:
    return [(each.kind, each.path, each.line) for each in found.fragile]


def notebook(*cells: str | list[str]) -> str:
    return json.dumps({"cells": [{"cell_type": "code", "source": cell} for cell in cells]})


@pytest.mark.parametrize(
    "cell",
    [
        "if x:\n    !pip install x\n",
        "%matplotlib inline\nx = 1",
        "%%bash\nls | grep x",
        "%%html\n<b>x</b>",
        "x = (1\n  != 2)",
        "x = (a\n  % b)",
        "x = '\u2028'",
        ["x = 1\n", "y = 2"],
    ],
)
def test_commands_of_a_notebook_are_no_broken_python(cell: str | list[str]) -> None:
    assert places(map_of(notebook(cell), "a.ipynb")) == [("notebook_code", "a.ipynb", 1)]


@pytest.mark.parametrize("first", ["%%time", "%%timeit -n 3", "%%capture out", "!pip install x", "%load_ext x"])
def test_lines_of_a_cell_are_counted_with_its_commands(first: str) -> None:
    found = map_of(notebook("x = 1", f"{first}\n\neval(x)"), "a.ipynb")
    assert ("evaluated_text", "a.ipynb cell 2", 3) in places(found)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        '{"cells": 3}',
        '{"cells": {"a": 1}}',
        '{"cells": [{"cell_type": "code"}]}',
        '{"cells": [{"cell_type": "code", "source": [1]}]}',
        '{"cells": [{"cell_type": "markdown", "source": "eval(x)"}]}',
        "[" * 100_000,
        '{"cells": ' + "9" * 5000 + "}",
    ],
)
def test_what_is_no_notebook_has_no_cells(text: str) -> None:
    assert map_of(text, "a.ipynb").fragile == ()


def test_a_cell_that_is_no_python_is_named_with_its_line() -> None:
    found = map_of(notebook("x = 1", "y = 2\ndef (:"), "a.ipynb")
    assert ("unreadable_file", "a.ipynb cell 2", 2) in places(found)


@pytest.mark.parametrize(
    ("line", "pinned"),
    [
        ("openai==1.2", True),
        ("openai == 1.2 ; python_version > '3'", True),
        ("openai===1.2", True),
        ("openai @ https://files.test/openai.whl", True),
        ("git+https://git.test/x/y@v1.2#egg=y", True),
        ("-r other.txt", True),
        ("--index-url https://files.test", True),
        ("# openai", True),
        ("", True),
        ("openai", False),
        ("openai>=1.2", False),
        ("openai~=1.2  # and not newer", False),
        ("openai[all]", False),
        ("git+https://git.test/x/y", False),
        ("git+https://someone@git.test/x/y", False),
    ],
)
@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.in", "app/requirements.txt"])
def test_a_requirement_without_a_version_is_another_program_every_day(name: str, line: str, pinned: bool) -> None:
    found = places(map_of(f"# all\r\n{line}\r\n", name))
    assert found == ([] if pinned else [("unpinned_requirements", name, 2)])


@pytest.mark.parametrize(
    "address",
    [
        f"git+https://{TOKEN}@github.com/x/y",
        f"git+https://reader:{TOKEN}@github.com/x/y",
        "git+https://Zx81Qm4tZx81@git.test/x/y",
        f"git+https://git.internal.test/a/very/long/folder/of/the/{TOKEN}/x",
    ],
)
def test_a_token_in_a_requirement_is_not_in_the_map(address: str) -> None:
    found = map_of(address, "requirements.txt")
    text = map_markdown(found)
    assert "unpinned_requirements" in {each.kind for each in found.fragile}
    assert [part for part in (TOKEN[:10], "Zx81") if part in text] == []


@pytest.mark.parametrize(
    "path", ["server.pem", "terraform/main.tf", "prod.env", "deploy.ps1", "id_rsa", "a.properties", "web/app.tsx"]
)
def test_a_token_is_found_in_any_kind_of_text(path: str) -> None:
    found = map_of(f"# first\ngithub = {TOKEN}\n", path)
    assert places(found) == [("committed_secret", path, 2)]
    assert TOKEN not in map_markdown(found)


@pytest.mark.parametrize(
    ("name", "found"),
    [(".env", True), (".env.local", True), (".env.example", False), (".env.sample", False), (".environment", False)],
)
def test_a_file_of_settings_lies_beside_the_code(name: str, found: bool) -> None:
    assert [kind for kind, _, _ in places(map_of("A=1\n", name))] == ["committed_secret"] * found
    assert map_of(" \n", name).fragile == ()


@pytest.mark.parametrize(("breaks", "found"), [(MAX_FILE_LINES - 1, False), (MAX_FILE_LINES, True)])
def test_a_file_may_have_so_many_lines(breaks: int, found: bool) -> None:
    kinds = {kind for kind, _, _ in places(map_of("import logging" + "\n" * breaks))}
    assert ("one_big_file" in kinds) is found


def test_prints_are_named_once_at_the_first() -> None:
    [place] = map_of("x = 1\nif x:\n    print(x)\nprint(2)\nlog.print(3)").fragile
    assert (place.kind, place.line, place.detail) == ("print_as_log", 3, "2 calls of print()")


@pytest.mark.parametrize(
    "path", ["test/a.py", "src/tests/helpers.py", "src/test_a.py", "a_test.py", "tests/data/deep/b.py"]
)
def test_what_tests_do_is_not_called_fragile(path: str) -> None:
    found = make_map("bot", [PrototypeFile(path, 1, "eval(x)\nprint(x)\nos.remove(x)")], 0)
    assert (found.fragile, found.risky) == ((), ())
    assert found.files[0].rooms[0] == "tests"


@pytest.mark.parametrize("path", ["contest.py", "latest/a.py", "testing.py"])
def test_what_only_sounds_like_a_test_is_none(path: str) -> None:
    found = make_map("bot", [PrototypeFile(path, 1, "eval(x)")], 0)
    assert {each.kind for each in found.fragile} == {"evaluated_text", "no_tests"}


def test_what_is_missing_is_said_at_the_largest_file_and_at_the_first_that_calls_a_model() -> None:
    lines = "x = 1\n" * MIN_LINES_TO_LOG
    files = [PrototypeFile("a.py", 1, "from openai import OpenAI\n"), PrototypeFile("b.py", 1, lines)]
    found = make_map("bot", files, 0)
    assert places(found) == [("no_retries", "a.py", 1), ("no_logging", "b.py", 1), ("no_tests", "b.py", 1)]


@pytest.mark.parametrize("remedy", ["import tenacity", "from backoff import expo", "OpenAI(max_retries=3, timeout=2)"])
def test_a_model_that_is_asked_again_is_not_called_fragile(remedy: str) -> None:
    other = PrototypeFile("b.py", 1, remedy)
    assert map_of("import google.generativeai", "a.py", other).fragile == ()


def test_short_scripts_need_no_log_and_a_folder_without_python_misses_nothing() -> None:
    assert map_of("x = 1\n" * (MIN_LINES_TO_LOG - 1)).fragile == ()
    assert make_map("empty", [], 0) == AdoptionMap("empty", (), (), (), 0)
    assert make_map("texts", [PrototypeFile("a.md", 1, "eval(x)"), PrototypeFile("b.bin", 9, None)], 3).fragile == ()


def test_the_same_place_is_named_once_and_places_are_in_order() -> None:
    found = map_of("eval(eval(x))\nprint(x); eval(y)")
    assert [(kind, line) for kind, _, line in places(found)] == [
        ("evaluated_text", 1),
        ("evaluated_text", 2),
        ("print_as_log", 2),
    ]


def test_warnings_of_the_parser_are_not_shown() -> None:
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        assert map_of("pattern = '\\d'\nx = 1 is 1").fragile == ()
    assert shown == []


@pytest.mark.parametrize(
    "source",
    [
        r"options = {'password\ud800\x1b[2J': 'Hunter2Hunter2'}",
        r"options = {'token|<script>`\n# heading': 'Hunter2Hunter2'}",
    ],
)
def test_a_text_of_the_prototype_is_no_command_for_a_terminal_and_no_markup(source: str) -> None:
    text = map_markdown(map_of(source))
    assert "hard coded key (1)" in text
    assert text.encode().decode().replace("\n", "").isprintable()
    assert "<script" not in text
    assert "\n# heading" not in text
    [row] = [line for line in text.splitlines() if line.startswith("| bot.py:1")]
    assert row.replace(r"\|", "").count("|") == 3
