"""No test measures the machine: what it waits for is an event, and time is a clock that it puts forward."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
HANG = 60
"""Seconds that no work of a test takes, however busy the machine is. The limit of each test ends what hangs."""
CLOCKS = {"monotonic", "perf_counter", "time", "monotonic_ns", "perf_counter_ns", "time_ns"}
LIMITS = {"timeout", "wait_for", "wait", "join", "fail_after"}
LAPSES = {"a real browser with a real lease": "console/test_browser.py", "the clock itself": "clock.py"}


def faults(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield from _of_call(node, node.func)


def _of_call(call: ast.Call, function: ast.Attribute) -> Iterator[str]:
    of = function.value.id if isinstance(function.value, ast.Name) else ""
    if of == "time" and function.attr in CLOCKS:
        yield f"line {call.lineno} reads a clock of the machine: use tests.clock"
    given = [*call.args[-1:]] if function.attr in LIMITS else []
    given += [word.value for word in call.keywords if word.arg == "timeout"]
    if any(seconds < HANG for seconds in _numbers(given)):
        yield f"line {call.lineno} waits too short: use tests.clock.until, or {HANG} seconds"
    if function.attr == "sleep" and any(0.5 <= seconds < HANG for seconds in _numbers(call.args)):
        yield f"line {call.lineno} hopes that something happens meanwhile: use tests.clock.until or leap"


def _numbers(nodes: list[ast.expr]) -> list[float]:
    return [
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool)
    ]


def test_no_test_depends_on_how_fast_the_machine_is() -> None:
    found = {}
    for path in sorted(TESTS.rglob("*.py")):
        name = path.relative_to(TESTS).as_posix()
        if name not in LAPSES.values() and (told := list(faults(ast.parse(path.read_text(encoding="utf-8"))))):
            found[name] = told
    assert found == {}


@pytest.mark.parametrize(
    "line",
    [
        "assert time.monotonic() - began < 2",
        "async with asyncio.timeout(3): pass",
        "await asyncio.wait_for(told.get(), 1)",
        "await asyncio.wait({task}, timeout=0.6)",
        "process.wait(30)",
        "subprocess.run(command, timeout=20)",
        "await asyncio.sleep(1)",
    ],
)
def test_a_bound_that_a_slow_machine_breaks_is_found(line: str) -> None:
    assert list(faults(ast.parse(f"async def test():\n    {line}")))


@pytest.mark.parametrize(
    "line", ["async with asyncio.timeout(120): pass", "await until(told)", "await asyncio.sleep(0)"]
)
def test_a_bound_that_only_a_hang_reaches_is_let_through(line: str) -> None:
    assert not list(faults(ast.parse(f"async def test():\n    {line}")))
