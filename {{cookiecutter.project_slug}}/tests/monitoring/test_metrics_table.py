"""Every metric of the service has a line in `metrics.yaml`, with a test that sees it counted where it is counted."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from tests.conftest import ROOT
from tests.fields.test_table import names_in

TABLE: Mapping[str, str] = yaml.safe_load((Path(__file__).parent / "metrics.yaml").read_text(encoding="utf-8"))
KINDS = {"counter", "gauge", "histogram"}


def declared(file: Path) -> Iterator[str]:
    """The metrics that a module declares, also one that is imported late."""
    for each in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id in KINDS:
            name = each.args[0]
            if isinstance(name, ast.Constant):
                yield str(name.value)


def test_the_table_has_every_metric_and_no_other() -> None:
    shipped = [each for each in (ROOT / "app").rglob("*.py") if "extensions" not in each.parts]
    found = {name for file in shipped for name in declared(file)}
    assert len(found) > 70
    assert set(TABLE) == found


def test_every_test_that_it_names_is_there() -> None:
    places = {metric: test.partition("::") for metric, test in TABLE.items()}
    assert [
        metric
        for metric, (file, _, name) in places.items()
        if not (ROOT / file).is_file() or name not in names_in(file)
    ] == []
