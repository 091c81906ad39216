"""A service says by name what it takes and gives: no `Any`, no dictionary of it, no row of the database."""

import ast
from collections.abc import Iterator

import pytest

from tests.house.naming import modules

VAGUE = {"Any", "Row", "RowMapping"}


def vague(tree: ast.Module) -> Iterator[str]:
    """Public functions, methods, fields and aliases of a module whose type holds a vague one."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from (f"{node.name}.{name}" for each in node.body for name in _vague_names(each))
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript) and _is_vague(node.value):
            yield from (each.id for each in node.targets if isinstance(each, ast.Name))
        else:
            yield from _vague_names(node)


def _vague_names(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            types = [each.annotation for each in ast.walk(node.args) if isinstance(each, ast.arg)] + [node.returns]
        case ast.AnnAssign(target=ast.Name(id=name)):
            types = [node.annotation]
        case _:
            return
    if not name.startswith("_") and any(map(_is_vague, types)):
        yield name


def _is_vague(annotation: ast.expr | None) -> bool:
    if annotation is None:
        return False
    named = {each.id for each in ast.walk(annotation) if isinstance(each, ast.Name)}
    named |= {each.attr for each in ast.walk(annotation) if isinstance(each, ast.Attribute)}
    quoted = [each.value for each in ast.walk(annotation) if isinstance(each, ast.Constant)]
    inner = [ast.parse(each, mode="eval").body for each in quoted if isinstance(each, str) and each.isidentifier()]
    return bool(named & VAGUE) or any(map(_is_vague, inner))


def test_no_service_takes_or_gives_just_anything() -> None:
    services = [(path, tree) for path, tree in modules() if "service" in (path.stem, *path.parts)]
    assert len(services) > 50
    assert {f"{path.as_posix()}: {name}" for path, tree in services for name in vague(tree)} == set()


@pytest.mark.parametrize(
    "line",
    [
        "def find(id: UUID) -> dict[str, Any]: ...",
        "async def find(*, body: 'Any') -> None: ...",
        "class Keys:\n    async def find(self, *rows: sqlalchemy.Row[str]) -> None: ...",
        "class Keys:\n    found: Mapping[str, Any]",
        "Found = Mapping[str, Any]",
    ],
)
def test_a_vague_type_is_found(line: str) -> None:
    assert len(list(vague(ast.parse(line)))) == 1


@pytest.mark.parametrize("line", ["def _find() -> Any: ...", "def find(body: JsonObject) -> None:\n    found: Any = 1"])
def test_what_is_private_or_has_a_name_is_none(line: str) -> None:
    assert list(vague(ast.parse(line))) == []
