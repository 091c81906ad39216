"""The mutants of one file, by names that stay when its lines move."""

import ast
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import CodeType

from scripts.mutants.operators import Edit, Function, edits_of

MODULE = "<module>"
REACHED = "__reached__"
"""A builtin while it is measured which test reaches which line."""
UNTOUCHED = frozenset({"__repr__", "__str__"})


@dataclass(frozen=True)
class Mutant:
    """One fault in a function, or in a number that the module names."""

    file: str
    function: str
    name: str
    first_line: int
    last_line: int

    def __str__(self) -> str:
        return f"{self.file}::{self.function} {self.name}"


class MutatedFile:
    """edits: by mutant. left_out: functions that only word what was decided."""

    def __init__(self, file: str, source: str, left_out: frozenset[str] = frozenset()) -> None:
        self.file, self.left_out, self.source = file, left_out | UNTOUCHED, source
        self.tree = ast.parse(source)
        self.edits: dict[Mutant, Edit] = {}
        seen: Counter[tuple[str, str]] = Counter()
        for function, edit in [*self._constants(), *self._functions(self.tree, "")]:
            name = f"{edit.change}: {' '.join(ast.unparse(edit.node).split())[:120]}"
            seen[function, name] += 1
            if seen[function, name] > 1:
                name += f" #{seen[function, name]}"
            lines = edit.node.lineno, edit.node.end_lineno  # type: ignore[attr-defined]
            self.edits[Mutant(file, function, name, *lines)] = edit

    def code(self, filename: str, mutant: Mutant | None = None) -> CodeType:
        """The compiled module, with the fault in it."""
        if mutant is None:
            return compile(self.tree, filename, "exec", dont_inherit=True)
        edit = self.edits[mutant]
        before = edit.swap(edit.new)
        try:
            return compile(self.tree, filename, "exec", dont_inherit=True)
        finally:
            edit.swap(before)

    def watched(self, filename: str) -> CodeType:
        """The compiled module, in which every statement of a function first passes its lines to REACHED."""
        return compile(_Watched().visit(ast.parse(self.source)), filename, "exec", dont_inherit=True)

    def constant(self, mutant: Mutant) -> tuple[str, float, float]:
        """The name of a number of the module, the number and the wrong number."""
        node, new = self.edits[mutant].node, self.edits[mutant].new
        return _target(node).id, _number(node) or 0, new.value  # type: ignore[union-attr, attr-defined]

    def _constants(self) -> Iterator[tuple[str, Edit]]:
        for node in self.tree.body:
            number = _number(node)
            if number is not None and (target := _target(node)) and target.id.isupper():
                new = ast.copy_location(ast.Constant(2 * number or 1), node)
                yield MODULE, Edit("doubled", node, node, "value", None, new)

    def _functions(self, node: ast.AST, within: str) -> Iterator[tuple[str, Edit]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                yield from self._functions(child, f"{within}{child.name}.")
            elif isinstance(child, Function) and child.name not in self.left_out:
                yield from ((within + child.name, edit) for edit in edits_of(child))


class _Watched(ast.NodeTransformer):
    depth = 0

    def generic_visit(self, node: ast.AST) -> ast.AST:
        self.depth += isinstance(node, Function)
        super().generic_visit(node)
        for name in ("body", "orelse", "finalbody") if self.depth and not isinstance(node, ast.ClassDef) else ():
            if isinstance(statements := getattr(node, name, None), list):
                watched = [each for statement in statements for each in (_passed_on(statement), statement)]
                setattr(node, name, watched)
        self.depth -= isinstance(node, Function)
        return node


def _passed_on(statement: ast.stmt) -> ast.stmt:
    body = getattr(statement, "body", None)
    last = body[0].lineno if isinstance(body, list) else (statement.end_lineno or 0) + 1
    call = ast.parse(f"{REACHED}({statement.lineno}, {max(last, statement.lineno + 1)})").body[0]
    for node in ast.walk(call):
        ast.copy_location(node, statement)
    return call


def _target(node: ast.AST) -> ast.Name | None:
    target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
    return target if isinstance(target, ast.Name) else None


def _number(node: ast.AST) -> int | float | None:
    """The number that an assignment gives to a name; None when it is another kind of value."""
    value = getattr(node, "value", None)
    if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(value, ast.Constant | ast.BinOp | ast.UnaryOp):
        with suppress(Exception):
            number = eval(ast.unparse(value), {"__builtins__": {}})  # noqa: S307 (arithmetic of this repository)
            return number if type(number) in (int, float) else None
    return None
