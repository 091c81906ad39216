"""schemathesis.toml lets operations refuse requests of the form that the document names: one by one, with a reason."""

import re
import tomllib
from typing import Any

import httpx

from tests.conftest import ROOT

RULES = ROOT / "schemathesis.toml"


def rules() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tomllib.loads(RULES.read_text(encoding="utf-8"))["operations"]
    return found


def named(rule: dict[str, Any]) -> list[str]:
    names = rule["include-name"]
    return [names] if isinstance(names, str) else list(names)


def test_every_check_is_made_of_every_operation() -> None:
    content = tomllib.loads(RULES.read_text(encoding="utf-8"))
    assert set(content) == {"generation", "operations"}
    assert content["generation"] == {"allow-x00": False}
    assert '"--checks", "all"' in (ROOT / "scripts" / "fuzz.py").read_text(encoding="utf-8")
    for rule in rules():
        assert set(rule) == {"include-name", "checks"}
        assert set(rule["checks"]) <= {"positive_data_acceptance", "negative_data_rejection"}
        accepted = {*rule["checks"]["positive_data_acceptance"]["expected-statuses"]}
        assert accepted <= {"2xx", "400", "401", "403", "404", "409", "413", "422", "429"}
        refused = rule["checks"].get("negative_data_rejection", {"expected-statuses": []})["expected-statuses"]
        assert all(each.startswith("4") for each in refused)


async def test_each_operation_with_a_rule_of_its_own_exists_once(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    operations = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    exempt = [name for rule in rules() for name in named(rule)]
    assert len(exempt) == len(set(exempt))
    assert operations.issuperset(exempt)
    assert len(exempt) < len(operations) / 4


def test_each_rule_says_why() -> None:
    text = RULES.read_text(encoding="utf-8")
    assert len(re.findall(r"^\[\[operations\]\]\n# \S.*\.$", text, re.MULTILINE)) == len(rules())
