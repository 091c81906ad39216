"""The checks of deploy/ that need no tools: they find nothing, and they find each fault that is planted for them.

`make deploy-check` runs the others, with the linters of requirements/deploy.in.
"""

import pytest

from scripts.deploy_checks import compose, image, parity, units
from scripts.deploy_checks.faults import faults, missed
from scripts.deploy_checks.files import Missing, interpolated, required
from scripts.deploy_checks.files import compose as read_compose
from tests.conftest import ROOT

CHECKS = {"image": image, "compose": compose, "units": units, "parity": parity}


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


def test_the_roles_of_the_compose_file_are_those_of_the_database() -> None:
    text = (ROOT / "deploy" / "postgresql" / "roles.sql").read_text(encoding="utf-8")
    services = read_compose(ROOT, required(ROOT))["services"]
    owner, service = (
        services["migrate"]["environment"][name].split("://")[1].split(":")[0]
        for name in ("APP_DATABASE_OWNER_URL", "DATABASE_URL")
    )
    assert f"create role {owner} login createrole" in text
    assert f"create role {service} login in role app_service" in text
