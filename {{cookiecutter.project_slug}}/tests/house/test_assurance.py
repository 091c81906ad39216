"""What the rows of assurance/ claim exists, and nothing that crosses the boundary of the process is left out."""

import ast
import re
from collections import Counter
from functools import cache
from typing import get_args

import pytest
from pydantic import BaseModel, ValidationError

from app.actions.domain import ActionPolicy
from app.core.database import metadata
from app.safety.domain.policy import SecurityPolicy
from app.settings import Settings, variable_of
from tests.conftest import ROOT
from tests.house.test_architecture import layers
from tests.house.test_docs import reference

assurance = reference.reference_assurance
ROWS = [row for standard in assurance.standards() for row in standard.rows]
IDS = {"owasp_llm_2026": r"LLM\d\d:2026", "aisvs_1_0": r"v1\.0-C\d+\.\d+\.\d+", "asvs_5_0": r"v5\.0\.0-\d+\.\d+\.\d+"}
AISVS = {1: 13, 2: 12, 3: 15, 4: 14, 5: 11, 6: 7, 7: 13, 8: 11, 9: 34, 10: 23, 11: 17, 12: 21}
"""How many requirements each chapter of AISVS 1.0 has."""
ADDRESS = re.compile(r"(?:^|_)(?:url|endpoint|issuer)$")
THREATS = (ROOT / "docs" / "explanation" / "threat-model.md").read_text(encoding="utf-8")


@cache
def functions(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))


def why_not(test: str) -> str | None:
    """Why a named test is none, if it is not."""
    path, _, name = test.partition("::")
    if not path.startswith("tests/") or not (ROOT / path).is_file():
        return f"{path} is no file of tests"
    return None if name in functions(path) else f"{path} has no {name}"


def test_every_test_that_a_row_names_exists() -> None:
    assert [(row.id, why) for row in ROWS for test in row.tests if (why := why_not(test))] == []


def test_a_test_that_does_not_exist_is_noticed() -> None:
    here = "tests/house/test_assurance.py"
    assert why_not(f"{here}::test_a_test_that_does_not_exist_is_noticed") is None
    assert why_not(f"{here}::test_nothing")
    assert why_not("tests/house/test_nowhere.py::test_nothing")
    assert why_not("scripts/reference.py::main")


def test_every_control_that_a_row_names_exists() -> None:
    assert [(row.id, path) for row in ROWS for path in row.control if not (ROOT / path).is_file()] == []


def test_every_id_stands_once_in_its_chapter_and_in_order() -> None:
    assert [each for each, count in Counter(row.id for row in ROWS).items() if count > 1] == []
    for standard in assurance.standards():
        assert [row.id for row in standard.rows if not re.fullmatch(IDS[standard.folder], row.id)] == []
        numbers = [[int(part) for part in re.findall(r"\d+", row.id)] for row in standard.rows]
        assert numbers == sorted(numbers)


def test_every_requirement_of_aisvs_and_every_risk_has_a_row() -> None:
    rows = {standard.folder: standard.rows for standard in assurance.standards()}
    assert Counter(int(row.id.partition("-C")[2].split(".")[0]) for row in rows["aisvs_1_0"]) == AISVS
    assert len(rows["owasp_llm_2026"]) == 10
    assert sum(bool(row.tests) for row in ROWS) >= 120


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"control": ["Makefile"]},
        {"tests": ["tests/clock.py::until"]},
        {"not_covered": "No.", "not_applicable": "No."},
        {"control": ["Makefile"], "tests": ["tests/clock.py::until"], "not_covered": "No."},
        {"not_covered": "No.", "gap": "All of it."},
    ],
)
def test_a_row_has_one_state(claims: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=r"v1\.0-C1\.1\.1"):
        assurance.Row.model_validate({"id": "v1.0-C1.1.1", "need": "Something is done"} | claims)


def test_every_remark_is_a_sentence() -> None:
    remarks = [row.remark for row in ROWS if row.state != "covered" or row.remark]
    assert [remark for remark in remarks if not re.match(r"[A-Z/].*\.$", remark)] == []


def addresses() -> set[str]:
    """Settings that name an address, those inside of a list by their list."""
    found = {variable_of(name) for name in Settings.model_fields if ADDRESS.search(name)}
    for name, field in Settings.model_fields.items():
        for inner in get_args(field.annotation):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                found |= {f"{variable_of(name)}.{each}" for each in inner.model_fields if ADDRESS.search(each)}
    return found


def test_every_setting_that_names_an_address_is_a_way_out() -> None:
    webhooks = {f"policies/security.yaml webhooks.{name}" for name in ("hosts", "private")}
    assert "webhooks" in SecurityPolicy.model_fields
    assert "servers" in ActionPolicy.model_fields
    servers = {"policies/actions.yaml servers.url"}
    assert set(assurance.boundaries().ways_out) == addresses() | webhooks | servers


def test_every_file_that_opens_connections_says_to_whom() -> None:
    assert sorted(assurance.boundaries().connections) == assurance.opening_files()


def test_every_table_of_a_tenant_is_a_store() -> None:
    stores = assurance.boundaries().stores
    assert [name for name in assurance.tenant_tables(metadata) if name not in stores] == []
    assert [name for name in stores if name not in metadata.tables] == []
    assert list(stores) == sorted(stores)


def test_the_threat_model_goes_through_every_room_and_all_six_kinds() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([A-Z, ]+) \|", THREATS, re.M)
    assert {room for room, _ in rows} == {room for layer in layers() for room in layer}
    assert {kind for _, kinds in rows for kind in kinds.split(", ")} == set("STRIDE")
