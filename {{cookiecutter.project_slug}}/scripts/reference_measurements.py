"""What the benchmarks measured, from their committed results."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reference_markdown import page, table

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
MIN_GRID_ROWS = 15
WITH_OWN_PAGE = {"clients"}


def measurements_page() -> str:
    results = sorted(each for each in (BENCHMARKS / "results").glob("*.json") if each.stem not in WITH_OWN_PAGE)
    return page(
        "Measurements",
        "Results of the benchmarks, with the time and the machine. Absolute figures depend on the machine; ratios "
        "transfer better. Every benchmark writes its result to `benchmarks/results`; run it to get your own.",
        *(part for result in results for part in measured(result)),
        "" if results else "Nothing has been measured yet.",
    )


def measured(result: Path) -> Iterator[str]:
    scripts = [each for each in BENCHMARKS.glob("*.py") if result.stem.startswith(each.stem)]
    yield f"## {result.stem.replace('_', ' ').capitalize()}"
    if scripts:
        script = max(scripts, key=lambda each: len(each.stem))
        yield ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""
    measured_values = json.loads(result.read_text())
    grids = {name: value for name, value in measured_values.items() if _is_grid(value)}
    plain = {name: value for name, value in measured_values.items() if name not in grids}
    yield table(("figure", "value"), [(f"`{name}`", value) for name, value in figures(plain)])
    for name, rows in grids.items():
        columns = next(iter(rows.values()))
        yield f"### {result.stem.replace('_', ' ').capitalize()}: {name.replace('_', ' ')}"
        yield table(
            ("", *(f"`{column}`" for column in columns)),
            [(f"`{row}`", *(str(value) for value in values.values())) for row, values in rows.items()],
        )


def _is_grid(value: Any) -> bool:
    """Whether these are the same plain figures for many things, which read better as a table."""
    rows = list(value.values()) if isinstance(value, dict) else []
    return len(rows) >= MIN_GRID_ROWS and all(_is_row(row) and row.keys() == rows[0].keys() for row in rows)


def _is_row(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(each, int | float) for each in value.values())


def figures(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every figure of a result by its path, without lists, which are raw data."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from figures(inner, f"{name}.{key}" if name else key)
    elif not isinstance(value, list):
        yield name, f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
