"""How long files and functions are, and how many lines explain or test the code. `python -m tests.house.sizes` shows
it.
"""

import ast
import io
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.house.naming import APP, ROOT

TESTS = ROOT / "tests"


@dataclass(frozen=True)
class Lengths:
    """In lines. p90: nine of ten are no longer."""

    median: float
    p90: int
    longest: int

    @classmethod
    def of(cls, lengths: Sequence[int]) -> "Lengths":
        ordered = sorted(lengths)
        return cls(median(ordered), ordered[len(ordered) * 9 // 10], ordered[-1])


@dataclass(frozen=True)
class Module:
    """A file of Python. functions, classes: the lines of each with its docstring. comments: lines that hold one."""

    lines: int
    functions: tuple[int, ...]
    classes: tuple[int, ...]
    comments: int
    docstrings: int

    @classmethod
    def of(cls, text: str) -> "Module":
        nodes = list(ast.walk(ast.parse(text)))
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        return cls(
            len(text.splitlines()),
            tuple(_length(each) for each in nodes if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)),
            tuple(_length(each) for each in nodes if isinstance(each, ast.ClassDef)),
            sum(token.type == tokenize.COMMENT for token in tokens),
            sum(_length(each) for each in nodes if isinstance(each, ast.Expr) and _is_text(each.value)),
        )


def _length(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _is_text(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def texts_below(folder: Path) -> list[str]:
    """Every file of Python in a folder that is not empty."""
    return [text for path in sorted(folder.rglob("*.py")) if (text := path.read_text(encoding="utf-8"))]


def modules_below(folder: Path) -> list[Module]:
    return [Module.of(text) for text in texts_below(folder)]


def lines_below(folder: Path) -> int:
    return sum(len(text.splitlines()) for text in texts_below(folder))


def ratio_by_room() -> dict[str, float]:
    """Lines of tests for each line of code, of every room that has a folder of tests."""
    rooms = (path.parent.name for path in sorted(APP.glob("*/__init__.py")) if (TESTS / path.parent.name).is_dir())
    return {room: lines_below(TESTS / room) / lines_below(APP / room) for room in rooms}


def main() -> None:
    modules = modules_below(APP)
    lines = sum(module.lines for module in modules)
    print("files", Lengths.of([module.lines for module in modules]))
    print("functions", Lengths.of([length for module in modules for length in module.functions]))
    print("classes", Lengths.of([length for module in modules for length in module.classes]))
    print(f"comments {sum(module.comments for module in modules) / lines:.1%} of {lines:,} lines")
    print(f"docstrings {sum(module.docstrings for module in modules) / lines:.1%}")
    print(f"lines of tests for each line of code: {lines_below(TESTS) / lines:.2f}")
    for room, ratio in sorted(ratio_by_room().items(), key=lambda pair: pair[1]):
        print(f"  {room} {ratio:.2f}")


if __name__ == "__main__":
    main()
