"""Every act that the code writes into the audit log stands in a test, so that none is lost unnoticed."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.naming import ROOT, modules

ACT = re.compile(r"[a-z_]+\.[a-z_]+")
QUOTED = re.compile(rf"""(?<=["']){ACT.pattern}(?=["'])""")
NAMED = {"action", "event"}
"""What a function calls an act that it is given or chooses."""


def acts(tree: ast.Module) -> Iterator[str]:
    """The acts that a module writes: named in the record, in a constant, or in what becomes `action` or `event`."""
    records = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _called(node) == "Act"]
    if not records:
        return
    given = [node.args[1] for node in records if len(node.args) > 1]
    given += [each.value for node in records for each in node.keywords if each.arg == "action"]
    yield from (name for value in given for name in _texts(value))
    constants = {each.id for each in given if isinstance(each, ast.Name)}
    positions = dict(_positions(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            targets = {each.id for each in node.targets if isinstance(each, ast.Name)}
            if targets & (constants | NAMED):
                yield from _texts(node.value)
        elif isinstance(node, ast.Call) and (place := positions.get(_called(node))) is not None:
            yield from (name for value in node.args[place : place + 1] for name in _texts(value))


def _called(node: ast.Call) -> str:
    return ast.unparse(node.func).rpartition(".")[2]


def _positions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """The functions that are given an act, and the place of it among the arguments of a call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = [each.arg for each in node.args.args if each.arg != "self"]
            yield from ((node.name, names.index(each)) for each in NAMED.intersection(names))


def _texts(value: ast.expr) -> Iterator[str]:
    """Of a text or a choice of texts. What is put together at run time is no text."""
    choice = (value.body, value.orelse) if isinstance(value, ast.IfExp) else (value,)
    for each in choice:
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and ACT.fullmatch(each.value):
            yield each.value


def in_tests() -> set[str]:
    paths = [path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)]
    return {name for path in paths for name in QUOTED.findall(path.read_text(encoding="utf-8"))}


def test_every_act_of_the_audit_log_stands_in_a_test() -> None:
    written = {name for _, tree in modules() for name in acts(tree)}
    assert len(written) > 40
    assert sorted(written - in_tests()) == []


@pytest.mark.parametrize(
    "code",
    [
        "Act(actor, 'thing.made', subject)",
        "audit.Act(actor, action='thing.made', subject='it')",
        "MADE = 'thing.made'\nAct(actor, MADE, subject)",
        "action = 'thing.made' if new else 'thing.kept'\nAct(actor, action, subject)",
        "def record(self, actor, action): Act(actor, action, '')\nself.record(actor, 'thing.made')",
    ],
)
def test_an_act_is_found(code: str) -> None:
    assert "thing.made" in set(acts(ast.parse(code)))
