"""Every control notices its own absence: a list of sabotages, each with the test of the service that must fail."""

import ast
import json
from collections import Counter

import pytest

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
