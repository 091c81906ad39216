"""Every control notices its own absence: a list of sabotages, each with the test of the service that must fail."""

import ast
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from scripts import sabotage as runner
from scripts.sabotage import RESULT, Sabotage, sabotages
from tests.baking import TEMPLATE

ALL = sabotages()


def test_each_of_the_twelve_mistakes_has_at_least_three() -> None:
    count = Counter(each.mistake for each in ALL)
    assert sorted(count) == list(range(1, 13))
    assert min(count.values()) >= 3
    assert len({each.name for each in ALL}) == len(ALL)


@pytest.mark.parametrize("sabotage", ALL, ids=[each.name for each in ALL])
def test_it_changes_code_that_is_there(sabotage: Sabotage) -> None:
    text = (TEMPLATE / sabotage.file).read_text(encoding="utf-8")
    changed = sabotage.applied(text)
    assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(text))


@pytest.mark.parametrize("sabotage", ALL, ids=[each.name for each in ALL])
def test_the_test_that_must_fail_exists(sabotage: Sabotage) -> None:
    file, _, function = sabotage.test.partition("::")
    tree = ast.parse((TEMPLATE / file).read_text(encoding="utf-8"))
    defined = {each.name for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert function.partition("[")[0] in defined


def test_the_result_is_of_these_and_each_was_noticed() -> None:
    result = json.loads(RESULT.read_text(encoding="utf-8"))
    assert [(each["name"], each["test"]) for each in result["sabotages"]] == [(each.name, each.test) for each in ALL]
    assert [each["name"] for each in result["sabotages"] if not each["noticed"]] == []


def test_a_name_that_is_none_is_said_and_runs_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner, "bake", lambda: pytest.fail("nothing is baked"))
    assert runner.main(["no such control"]) == 2
    assert "no such control" in capsys.readouterr().out


def test_a_test_that_never_ends_has_noticed_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".venv/bin").mkdir(parents=True)
    python = tmp_path / ".venv/bin/python"
    python.write_text("#!/bin/sh\nexec sleep 600\n")
    python.chmod(0o755)
    (tmp_path / "a.py").write_text("ONE = 1\n")
    monkeypatch.setattr(runner, "SECONDS", 0.1)
    assert not runner.is_noticed(tmp_path, Sabotage(1, "a", "a.py", "1", "2", "tests/a.py::test_a"))
    assert (tmp_path / "a.py").read_text() == "ONE = 1\n"


def test_a_run_of_some_keeps_what_is_known_of_the_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first, second, third = ALL[:3]
    monkeypatch.setattr(runner, "RESULT", tmp_path / "sabotages.json")
    monkeypatch.setattr(runner, "sabotages", lambda: [first, second, third])
    for each, noticed in ((third, True), (first, False), (second, True), (first, True)):
        runner.write(each, noticed)
    moved = replace(second, test="tests/elsewhere.py::test_it")
    monkeypatch.setattr(runner, "sabotages", lambda: [first, moved])
    runner.write(first, False)
    result = json.loads(runner.RESULT.read_text(encoding="utf-8"))
    assert [(row["name"], row["noticed"]) for row in result["sabotages"]] == [(first.name, False)]
    assert result["by_mistake"][str(first.mistake)] == {"tried": 1, "noticed": 0}
