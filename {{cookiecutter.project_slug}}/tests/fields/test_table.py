"""Every field of every policy and every setting has a line in `fields.yaml`, with a test that shows what it changes.

The test is one of the built service: the value comes from the file or the environment, and what the service does, or
shows to a person, differs. A field for which no such test can be written changes nothing, and is removed.
"""

import ast
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel

from app.settings import Settings, variable_of
from app.wiring import POLICIES
from tests.conftest import ROOT

TABLE: Mapping[str, str] = yaml.safe_load((Path(__file__).parent / "fields.yaml").read_text(encoding="utf-8"))


def models_of(annotation: Any, many: bool = False) -> Iterator[tuple[type[BaseModel], bool]]:
    """The models in an annotation, each with whether there may be several of it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, many
        return
    container = isinstance(get_origin(annotation), type) and get_origin(annotation) is not None
    for each in get_args(annotation):
        yield from models_of(each, many or container)


def fields_of(model: type[BaseModel], path: str) -> Iterator[str]:
    """Dotted paths of all values; `*` stands for the place in a list or the name in a mapping."""
    for name, field in model.model_fields.items():
        inner = list(models_of(field.annotation))
        if not inner:
            yield f"{path}.{name}"
        for block, many in inner:
            yield from fields_of(block, f"{path}.{name}.*" if many else f"{path}.{name}")


FIELDS = [field for name, model in POLICIES.items() for field in fields_of(model, name)]
SETTINGS = [variable_of(name) for name in Settings.model_fields]


@functools.cache
def names_in(file: str) -> frozenset[str]:
    """The names of the tests in a file, also of those in a class."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    found = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    return frozenset(each.name for each in found if each.name.startswith("test_"))


@functools.cache
def words_of(file: str) -> frozenset[str]:
    """The constant texts of a file: an id of a parametrised test is one of them, or ends in one after a dot."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return frozenset(
        each.value for each in ast.walk(tree) if isinstance(each, ast.Constant) and isinstance(each.value, str)
    )


def test_every_field_and_every_setting_has_a_line_and_no_other_name_has_one() -> None:
    wanted = {*FIELDS, *SETTINGS}
    assert sorted(wanted - TABLE.keys()) == [], "these have no test"
    assert sorted(TABLE.keys() - wanted) == [], "these are no fields"
    assert len(FIELDS) > 300


def problem_of(line: str) -> str:
    """Why there is no such test; empty where there is one."""
    file, _, test = line.partition("::")
    function, _, case = test.removesuffix("]").partition("[")
    if function not in names_in(file):
        return f"{file} has no {function}"
    places = [0, *(place for place, letter in enumerate(case, 1) if letter == ".")]
    known = not case or any({case[place:], f".{case[place:]}"} & words_of(file) for place in places)
    return "" if known else f"{file} has no case {case}"


def test_the_test_of_every_line_exists() -> None:
    assert {name: problem for name, line in TABLE.items() if (problem := problem_of(line))} == {}


def test_a_line_whose_test_does_not_exist_is_noticed() -> None:
    own = f"tests/fields/{Path(__file__).name}"
    assert problem_of(f"{own}::test_the_test_of_every_line_exists") == ""
    assert problem_of(f"{own}::test_nothing") == f"{own} has no test_nothing"
    assert problem_of(f"{own}::test_the_test_of_every_line_exists[of nobody]") == f"{own} has no case of nobody"
    assert problem_of("tests/fields/test_slo.py::test_a_value_decides_in_the_service[slo.objectives.in_time]") == ""
    case = "slo.objectives.nothing"
    assert problem_of(f"tests/fields/test_slo.py::test_a_value_decides_in_the_service[{case}]").endswith(case)
