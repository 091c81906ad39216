"""Ownership, risk tier and approval rules of the service."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from app.core.base_models import ExactModel
from app.core.policies import PolicyModel

RiskTier = Literal["low", "medium", "high"]
DataSensitivity = Literal["public", "internal", "confidential"]


class Owners(ExactModel):
    """The owner of each part."""

    model: str = Field(min_length=1, description="Owner of the choice of models.")
    prompts: str = Field(min_length=1, description="Owner of the prompts.")
    data: str = Field(min_length=1, description="Owner of the documents.")
    policies: str = Field(min_length=1, description="Owner of the policies.")


class People(ExactModel):
    """How many people must approve a release at each risk tier."""

    low: int = Field(1, ge=1, le=9, description="The author may be one of them.")
    medium: int = Field(1, ge=1, le=9, description="Without the author.")
    high: int = Field(2, ge=2, le=9, description="Without the author.")


class ApprovalRules(ExactModel):
    """What an approval requires. The author of a release may approve it at risk tier low only."""

    people: People = People()
    valid_days: int = Field(30, ge=1, le=365, description="An approval expires after so many days.")
    report_days: int = Field(30, ge=1, le=365, description="An evaluation report expires after so many days.")
    review_hours: int = Field(
        24, ge=1, le=168, description="An activation by --break-glass must be reviewed within so many hours."
    )
    named: Mapping[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="Where one of these people must be among the approvers: service, model, prompts, data, policies, "
        "or one policy by its name, when a release changes it.",
    )

    @model_validator(mode="after")
    def somebody_is_named(self) -> "ApprovalRules":
        empty = sorted(part for part, names in self.named.items() if not names)
        if empty:
            raise ValueError(f"nobody is named for {empty[0]}; name someone or leave it out")
        return self


class OwnershipPolicy(PolicyModel):
    """policies/ownership.yaml. The service does not start when an owner is missing."""

    service: str = Field(min_length=1, description="The service's name, as people say it.")
    purpose: str = Field(
        "Answers questions about the documents it was given, with citations, or says that they contain no answer.",
        min_length=1,
        description="What the service is for, for its model card.",
    )
    on_call: str = Field(pattern=r"^[^@\s]+@[^@\s]+$", description="E-mail address of the person on call.")
    on_call_webhook: str | None = Field(
        None,
        max_length=2000,
        pattern=r"^https?://[!-~]+$",
        description="Address that alerts are sent to for the person on call; its host must stand under `webhooks` in "
        "security.yaml. None: POST /v1/monitoring/alerts refuses them.",
    )
    risk_tier: RiskTier = Field(description="How much harm a wrong answer can do.")
    data_sensitivity: DataSensitivity = Field(description="Confidential: text leaves only for hosts named as allowed.")
    owners: Owners
    approval: ApprovalRules = ApprovalRules()
