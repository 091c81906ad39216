"""One word for one thing: in the types, the modules, the schemas, the log events and the policies."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

from tests.house.naming import APP, fields, log_events, modules, public_types, room_of

HALLS = {"adapters"}
"""No shelves inside: each folder is an adapter of its own."""
SAME_THING: dict[str, str] = {}
"""Type names that stand in several rooms, and why."""
EVENT = re.compile(r"[a-z]+\.[a-z][a-z0-9_]*")


@pytest.fixture(scope="module")
def source() -> list[tuple[Path, ast.Module]]:
    return list(modules())


def test_a_public_type_name_stands_in_one_room(source: list[tuple[Path, ast.Module]]) -> None:
    rooms: dict[str, set[str]] = defaultdict(set)
    for path, tree in source:
        for name in public_types(tree):
            if not name.startswith("_"):
                rooms[name].add(room_of(path))
    doubled = {name: sorted(where) for name, where in sorted(rooms.items()) if len(where) > 1}
    assert {name: where for name, where in doubled.items() if name not in SAME_THING} == {}


def test_a_module_name_stands_on_one_shelf_of_its_room(source: list[tuple[Path, ast.Module]]) -> None:
    places: dict[str, set[str]] = defaultdict(set)
    for path, _ in source:
        if path.stem != "__init__" and len(path.parts) > 1 and room_of(path) not in HALLS:
            places[f"{room_of(path)} {path.stem}"].add(path.as_posix())
    doubled = {name: sorted(where) for name, where in sorted(places.items()) if len(where) > 1}
    assert doubled == {}


def test_a_schema_is_a_request_or_a_response(source: list[tuple[Path, ast.Module]]) -> None:
    schemas = [(path, tree) for path, tree in source if "schemas" in (path.stem, path.parent.name)]
    classes = [(path, node.name) for path, tree in schemas for node in tree.body if isinstance(node, ast.ClassDef)]
    wrong = {name: path.as_posix() for path, name in classes if not name.endswith(("Request", "Response"))}
    assert wrong == {}


def test_a_log_event_says_its_room_and_what_happened(source: list[tuple[Path, ast.Module]]) -> None:
    rooms = {room_of(path) for path, _ in source}
    wrong = {
        event: path.as_posix()
        for path, tree in source
        for event in log_events(tree)
        if not EVENT.fullmatch(event) or event.partition(".")[0] not in rooms
    }
    assert wrong == {}


def test_an_upper_bound_is_called_max(source: list[tuple[Path, ast.Module]]) -> None:
    keys = [name for _, tree in source for name in fields(tree) if name.startswith("most_")]
    for path in (APP.parent / "policies").glob("*.yaml"):
        keys += re.findall(r"^\s*(most_\w+):", path.read_text(encoding="utf-8"), re.M)
    assert keys == []


@pytest.mark.parametrize(
    "line",
    [
        'log.warning("refused")',
        'log_failure(log, "failed", error)',
        'run_periodically(sweep, 60, log, "failed")',
        'log.info(f"jobs.{name}")',
    ],
)
def test_a_log_event_without_a_room_is_found(line: str) -> None:
    (event,) = log_events(ast.parse(line))
    assert not EVENT.fullmatch(event)


def test_a_class_and_an_alias_are_types_and_a_parameter_of_a_route_is_none() -> None:
    lines = [
        "class Answer: ...",
        "Vector = list[float]",
        "Reader = Annotated[str, Depends(caller)]",
        "T = TypeVar('T')",
    ]
    assert list(public_types(ast.parse("\n".join(lines)))) == ["Answer", "Vector"]
