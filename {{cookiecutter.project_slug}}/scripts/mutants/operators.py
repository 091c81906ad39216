"""Mutation operators: the small faults that are put into a function.

Texts, logging, metrics (which are named in capitals), annotations, defaults and assertions are left alone: they decide
nothing.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}
EMPTY = {
    "int": "0",
    "float": "0.0",
    "tuple": "()",
    "list": "[]",
    "dict": "{}",
    "set": "set()",
    "frozenset": "frozenset()",
}
LOGGERS = {"log", "logger"}
TEXTS = (ast.JoinedStr, ast.Tuple, ast.List)
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Edit:
    """A place in a tree, and what is put there. node: the code that the fault is shown by."""

    change: str
    node: ast.AST
    parent: ast.AST
    field: str
    index: int | None
    new: ast.AST

    def swap(self, new: ast.AST) -> ast.AST:
        """Puts `new` there, and returns what was there before."""
        there = getattr(self.parent, self.field)
        if self.index is None:
            setattr(self.parent, self.field, new)
            return there  # type: ignore[no-any-return]
        before, there[self.index] = there[self.index], new
        return before  # type: ignore[no-any-return]


def edits_of(function: Function) -> Iterator[Edit]:
    """Every edit of the body of a function, functions within it included."""
    for index, statement in enumerate(function.body):
        yield from _of(statement, function, "body", index, function)


def _of(node: ast.AST, parent: ast.AST, field: str, index: int | None, function: Function) -> Iterator[Edit]:
    if _decides_nothing(node):
        return
    for change, new in _variants(node, parent, field, function):
        yield Edit(change, node, parent, field, index, ast.fix_missing_locations(ast.copy_location(new, node)))
    if isinstance(node, ast.Compare):
        yield from _of_comparison(node)
    if isinstance(node, ast.Raise):
        return
    inside = node if isinstance(node, Function) else function
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "args", "slice"} and not isinstance(node, ast.Call):
            continue
        for number, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.AST):
                yield from _of(child, node, name, number, inside)


def _decides_nothing(node: ast.AST) -> bool:
    if isinstance(node, ast.BoolOp):  # names in a sentence, or else a word
        return _decides_nothing(node.values[0])
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Constant)
    ):
        return node.func.attr == "join"
    root = _root(node) if isinstance(node, ast.Expr) else None
    return isinstance(node, ast.JoinedStr | ast.Assert) or (root is not None and (root in LOGGERS or root.isupper()))


def _root(node: ast.Expr) -> str | None:
    """The first word of a statement that calls something."""
    value: ast.AST = node.value
    while isinstance(value, ast.Await | ast.Call | ast.Attribute):
        value = value.func if isinstance(value, ast.Call) else value.value
    return value.id if isinstance(value, ast.Name) else None


def _of_comparison(node: ast.Compare) -> Iterator[Edit]:
    for index, operator in enumerate(node.ops):
        new = COMPARISONS[type(operator)]()
        yield Edit(f"{_sign(operator)} to {_sign(new)}", node, node, "ops", index, new)


def _sign(operator: ast.cmpop) -> str:
    return ast.unparse(ast.Compare(ast.Name("a"), [operator], [ast.Name("b")]))[2:-2]


def _variants(node: ast.AST, parent: ast.AST, field: str, function: Function) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.stmt):
        yield from _of_statement(node, parent, function)
    elif isinstance(node, ast.BoolOp):
        is_and = isinstance(node.op, ast.And)
        yield "or to and" if not is_and else "and to or", ast.BoolOp(ast.Or() if is_and else ast.And(), node.values)
        for operand in node.values:
            rest = [each for each in node.values if each is not operand]
            yield f"without {_short(operand)}", rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "without not", node.operand
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub) and not _is_text(node):
        plus = isinstance(node.op, ast.Add)
        yield "+ to -" if plus else "- to +", ast.BinOp(node.left, ast.Sub() if plus else ast.Add(), node.right)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLS:
        new = CALLS[node.func.id]
        yield f"{node.func.id} to {new}", ast.Call(ast.Name(new, ast.Load()), node.args, node.keywords)
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield "one more", ast.Constant(node.value + 1)
    if field in {"test", "ifs"} and isinstance(node, ast.expr) and not isinstance(node, ast.Constant):
        yield from (
            (f"always {value}", ast.Constant(value))
            for value in (True, False)
            if not (value and isinstance(parent, ast.While))
        )


def _short(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())[:60]


def _is_text(node: ast.BinOp) -> bool:
    sides = (node.left, node.right)
    return any(
        isinstance(side, TEXTS) or (isinstance(side, ast.Constant) and isinstance(side.value, str)) for side in sides
    )


def _of_statement(node: ast.stmt, parent: ast.AST, function: Function) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.Return) and node.value is not None:
        yield from (
            (f"return {text}", ast.Return(ast.parse(text, mode="eval").body)) for text in _returns(node, function)
        )
    elif (
        (isinstance(node, ast.Raise | ast.Return | ast.Continue) and not _is_alone(node, parent))
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await))
        or isinstance(node, ast.AugAssign)
        or (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute | ast.Subscript))
    ):
        yield "removed", _never(node)


def _never(node: ast.stmt) -> ast.If:
    """Still there for the compiler, so that the function keeps the variables that it shares with others."""
    return ast.If(ast.Constant(False), [node], [])


def _is_alone(node: ast.stmt, parent: ast.AST) -> bool:
    """Whether it is all that an `if` does, so that a condition that is never true does the same."""
    return isinstance(parent, ast.If) and parent.body == [node]


def _returns(node: ast.Return, function: Function) -> Iterator[str]:
    """Values that a caller may take for the answer, by the annotation of the function."""
    kind = ast.unparse(function.returns) if function.returns else ""
    if kind == "bool":
        candidates = ["True", "False"]
    else:
        candidates = ["None"] if kind.endswith("| None") else []
        candidates += [EMPTY[name] for name in [kind.split("[")[0]] if name in EMPTY]
    yield from (each for each in candidates if each != ast.unparse(node.value or ast.Constant(None)))
