"""Who imports whom in a service, and which imports lead nowhere."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

# What is started, and so imported by nothing: the entry points of the service, and the environment of migrations.
STARTED = ("app.__main__", "app.main", "app.worker", "app.room", "app.cli", "migrations.env")
# Where Python runs it as code of this service.
FOLDERS = ("app/", "tests/", "migrations/", "scripts/", "benchmarks/")
LINE = re.compile(r"^\s*(?:from|import)\s+(app[\w.]*)", re.MULTILINE)
STRING = re.compile(r"""["'](app\.[\w.]+)["']""")


@dataclass(frozen=True)
class Import:
    """module: absolute. name: what is taken out of it, None for the module as a whole."""

    module: str
    name: str | None
    line: int


@dataclass
class Module:
    """names: what it defines for others, None where that cannot be told. strings: as for `import_module`."""

    path: str
    imports: list[Import] = field(default_factory=list)
    strings: set[str] = field(default_factory=set)
    names: set[str] | None = None


class Modules:
    """The modules of one state of a service, by their dotted names."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._by_name = {dotted(path): _module(path, text) for path, text in texts.items()}

    def get(self, name: str) -> Module | None:
        return self._by_name.get(name)

    @cached_property
    def packages(self) -> set[str]:
        """Every name that stands above a module, with an `__init__.py` or without."""
        return {name.rsplit(".", depth)[0] for name in self._by_name for depth in range(1, name.count(".") + 1)}

    @cached_property
    def alive(self) -> set[str]:
        """Paths of the modules of `app` that an entry point reaches, however deep."""
        left = [name for name in STARTED if name in self._by_name]
        reached = set(left)
        while left:
            module = self._by_name[left.pop()]
            wanted = {f"{each.module}.{each.name}" for each in module.imports} | module.strings
            wanted |= {above for name in wanted for above in _above(name)}
            new = (wanted & self._by_name.keys()) - reached
            reached |= new
            left += new
        return {self._by_name[name].path for name in reached}

    def broken(self) -> Iterable[tuple[str, str]]:
        """Path and sentence of each import of `app` that would fail."""
        for module in self._by_name.values():
            for each in module.imports:
                if each.line and each.module.split(".")[0] == "app" and not self._resolves(each):
                    what = each.module if each.name is None or not self._there(each.module) else None
                    where = f"{module.path}:{each.line}"
                    yield (
                        module.path,
                        f"{where} imports {what or f'{each.name} from {each.module}'}, which is not there",
                    )

    def _there(self, name: str) -> bool:
        return name in self._by_name or name in self.packages

    def _resolves(self, each: Import) -> bool:
        if not self._there(each.module):
            return False
        found = self._by_name.get(each.module)
        if each.name is None or self._there(f"{each.module}.{each.name}"):
            return True
        return found is not None and (found.names is None or each.name in found.names)


def dotted(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _above(name: str) -> list[str]:
    return [name.rsplit(".", depth)[0] for depth in range(1, name.count(".") + 1)]


def _module(path: str, text: str) -> Module:
    found = Module(path)
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):  # a file with conflict markers still says what it imports
        found.imports = [Import(match[1], None, 0) for match in LINE.finditer(text)]
        return found
    package = dotted(path) if path.endswith("/__init__.py") else dotted(path).rpartition(".")[0]
    found.strings = set(STRING.findall(text))  # as of `import_module("app.x")`
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            found.imports += [Import(alias.name, None, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(package, node)
            found.imports += [Import(base, None if a.name == "*" else a.name, node.lineno) for a in node.names]
    found.names = _names(tree)
    return found


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Every statement, however deep, without looking into expressions."""
    left: list[ast.AST] = [tree]
    while left:
        node = left.pop()
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            left += getattr(node, name, None) or []
        if isinstance(node, ast.stmt):
            yield node


def _absolute(package: str, node: ast.ImportFrom) -> str:
    above = package.rsplit(".", node.level - 1)[0] if node.level > 1 else package
    return ".".join(part for part in (above if node.level else "", node.module or "") if part)


def _names(tree: ast.Module) -> set[str] | None:
    """Names that stand at the top of a module, also inside its `if`, `try` and `with`."""
    found: set[str] = set()
    left: list[ast.AST] = list(tree.body)
    while left:
        node = left.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
            if node.name == "__getattr__":
                return None
        elif isinstance(node, ast.Import | ast.ImportFrom):
            if any(alias.name == "*" for alias in node.names):
                return None
            found.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        else:
            left += ast.iter_child_nodes(node)
    return found
