"""policies/readiness.yaml: which checks are required, how old evidence may be, which checks gate a release."""

from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import Field, model_validator

from app.core.base_models import ExactModel
from app.core.policies import PolicyModel
from app.governance.domain.readiness.catalogue import CHECKS

Deployment = Literal["development", "staging", "production"]


class ReadinessLimits(ExactModel):
    """The figures that checks compare with."""

    golden_cases: int = Field(50, ge=1, description="Golden cases, at least.")
    own_cases: int = Field(20, ge=1, description="Golden cases about documents of the owner, at least.")
    red_team_cases: int = Field(20, ge=1, description="Cases of attacks, at least.")
    quarantine_days: int = Field(7, ge=1, description="How long a document may wait in quarantine for a decision.")
    rollback_seconds: int = Field(60, ge=1, description="How long a rehearsed rollback may take.")
    key_days: int = Field(365, ge=1, description="How old a valid key may be before it is rotated.")
    unused_key_days: int = Field(90, ge=1, description="A valid key that was not used for so long is revoked.")


class WaiverRules(ExactModel):
    max_days: int = Field(30, ge=1, le=365, description="How long a waiver may last.")
    never: tuple[str, ...] = Field((), description="Checks that nobody may waive.")


class ReadinessPolicy(PolicyModel):
    """policies/readiness.yaml: the checks that are required, and those that a release must pass to go live."""

    optional: tuple[str, ...] = Field((), description="Checks that are shown, and not required.")
    gate: Mapping[Deployment, tuple[str, ...]] = Field(
        default_factory=dict,
        description="By APP_ENVIRONMENT: checks that must not be red when a release is to go live in production.",
    )
    max_age_days: Mapping[str, int] = Field(
        default_factory=dict, description="By check: how old its evidence may be, where the default does not fit."
    )
    attestation_days: int = Field(180, ge=1, le=730, description="How long an attestation may last.")
    timeout_seconds: float = Field(10.0, gt=0, le=300, description="A source that takes longer makes its checks red.")
    waivers: WaiverRules = Field(WaiverRules(), description="How long a waiver lasts, and what nobody may waive.")
    limits: ReadinessLimits = Field(ReadinessLimits(), description="The figures that checks compare with.")

    @model_validator(mode="after")
    def _checks_exist(self) -> "ReadinessPolicy":
        gates = [check for checks in self.gate.values() for check in checks]
        _refuse_unknown([*self.optional, *gates, *self.max_age_days, *self.waivers.never])
        if wrong := sorted(name for name, days in self.max_age_days.items() if days < 1):
            raise ValueError(f"max_age_days of {wrong[0]} is below 1")
        return self


def _refuse_unknown(names: Iterable[str]) -> None:
    known = {check.id for check in CHECKS}
    if unknown := sorted(set(names) - known):
        raise ValueError(f"there is no check {unknown[0]}; 'app readiness' lists them")
