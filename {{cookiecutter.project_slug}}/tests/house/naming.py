"""What the source calls its types, modules, schemas and log events: read from the syntax, nothing is imported."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "app"
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


def modules() -> Iterator[tuple[Path, ast.Module]]:
    """Every module of the app: its path below app/ and its syntax tree."""
    for path in sorted(APP.rglob("*.py")):
        yield path.relative_to(APP), ast.parse(path.read_text(encoding="utf-8"))


def room_of(path: Path) -> str:
    """The package or the module directly below app/ that the file belongs to."""
    return path.parts[0].removesuffix(".py")


def public_types(tree: ast.Module) -> Iterator[str]:
    """Classes and type aliases. Not parameters of a route or a command, whose alias is `Annotated[...]`: these are
    private to their file."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            names, alias = [node.name], None
        elif isinstance(node, ast.Assign):
            names, alias = [each.id for each in node.targets if isinstance(each, ast.Name)], node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names, alias = [node.target.id], node.value
        else:
            continue
        if alias is None or _is_type(alias):
            yield from (name for name in names if name[0].isupper() and not name.isupper())


def _is_type(value: ast.expr) -> bool:
    if isinstance(value, ast.Subscript):
        return ast.unparse(value.value) != "Annotated"
    return isinstance(value, ast.BinOp | ast.Name | ast.Attribute)


def fields(tree: ast.Module) -> Iterator[str]:
    """The annotated attributes of every class."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for each in node.body:
                if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
                    yield each.target.id


def log_events(tree: ast.Module) -> Iterator[str]:
    """The event of each call of a logger; the source of it where it is no plain text."""
    loggers = {"log", *_loggers(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (event := _event(node, loggers)) is not None:
            yield str(event.value) if isinstance(event, ast.Constant) else ast.unparse(event)


def _loggers(tree: ast.Module) -> Iterator[str]:
    """The names that are bound to a logger."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            function = node.value.func
            if isinstance(function, ast.Attribute) and function.attr in {"get_logger", "bind"}:
                yield from (each.id for each in node.targets if isinstance(each, ast.Name))


def _event(call: ast.Call, loggers: set[str]) -> ast.expr | None:
    match call.func:
        case ast.Name(id="log_failure"):
            return call.args[1]
        case ast.Name(id="run_periodically"):
            return call.args[3]
        case ast.Attribute(value=ast.Name(id=name), attr=level) if name in loggers and level in LEVELS:
            return call.args[0]
    return None
