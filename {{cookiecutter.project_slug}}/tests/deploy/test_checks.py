"""The checks of deploy/ that need no tools: they find nothing, and they find each fault that is planted for them.

`make deploy-check` runs the others, with the linters of requirements-deploy.in.
"""

import json
import re
from pathlib import Path

import pytest
import yaml

from scripts.deploy_checks import compose, image, parity, units
from scripts.deploy_checks.faults import faults, missed
from scripts.deploy_checks.files import Missing, interpolated, required
from scripts.deploy_checks.files import compose as read_compose
from tests.conftest import ROOT

CHECKS = {"image": image, "compose": compose, "units": units, "parity": parity}
DASHBOARDS = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
RULES = ROOT / "deploy" / "prometheus" / "rules.yml"


@pytest.mark.parametrize("name", CHECKS)
def test_the_files_of_deploy_pass_a_check(name: str) -> None:
    assert list(CHECKS[name].check(ROOT)) == []


def test_every_planted_fault_is_found() -> None:
    assert missed(ROOT, CHECKS) == []
    assert sum(map(len, faults(["chart", "tools", *CHECKS]).values())) >= 25


def test_a_setting_reaches_every_way_of_deploying_or_its_absence_has_a_reason() -> None:
    from app.settings import Settings

    assert len(parity.example(ROOT)) == len(Settings.model_fields)
    assert parity.in_compose(ROOT) == parity.example(ROOT)


def test_a_compose_file_without_its_secrets_does_not_start() -> None:
    assert {"APP_KEY_PEPPER", "APP_MASTER_KEY", "OWNER_PASSWORD", "SERVICE_PASSWORD"} <= set(required(ROOT))
    with pytest.raises(Missing, match="set it in"):
        read_compose(ROOT, {})
    assert interpolated("${A:-b} ${C:-}", {}) == "b "


def test_alerts_and_dashboards_name_metrics_that_exist() -> None:
    known = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
    expressions = [rule["expr"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    panels = [panel for path in DASHBOARDS for panel in json.loads(path.read_text())["panels"]]
    expressions += [target["expr"] for panel in panels for target in panel["targets"]]
    named = {name for text in expressions for name in re.findall(r"\bapp_[a-z_]+", text)}
    assert [name for name in named if f"`{re.sub('_(count|sum|bucket)$', '', name)}`" not in known] == []
    assert len(named) >= 8


def test_every_alert_leads_to_a_runbook() -> None:
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    assert [rule["alert"] for rule in rules if not (ROOT / Path(rule["annotations"]["runbook"])).is_file()] == []


def test_the_roles_of_the_compose_file_are_those_of_the_database() -> None:
    text = (ROOT / "deploy" / "postgresql" / "roles.sql").read_text(encoding="utf-8")
    services = read_compose(ROOT, required(ROOT))["services"]
    owner, service = (
        services["migrate"]["environment"][name].split("://")[1].split(":")[0]
        for name in ("APP_DATABASE_OWNER_URL", "DATABASE_URL")
    )
    assert f"create role {owner} login createrole" in text
    assert f"create role {service} login in role app_service" in text
