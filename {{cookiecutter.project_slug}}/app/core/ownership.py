"""Who answers for the service, and for what kind of answers and data."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app.core.policies import PolicyModel

RiskTier = Literal["low", "medium", "high"]
DataSensitivity = Literal["public", "internal", "confidential"]


class Owners(BaseModel):
    """Who answers for each part."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(min_length=1, description="Who answers for the choice of models.")
    prompts: str = Field(min_length=1, description="Who answers for what models are told.")
    data: str = Field(min_length=1, description="Who answers for the documents.")
    policies: str = Field(min_length=1, description="Who answers for the policies.")


class OwnershipPolicy(PolicyModel):
    """policies/ownership.yaml. The start fails when an owner is missing."""

    service: str = Field(min_length=1, description="The service's name, as people say it.")
    on_call: str = Field(pattern=r"^[^@\s]+@[^@\s]+$", description="E-mail address of whoever is on call.")
    risk_tier: RiskTier = Field(description="How much harm a wrong answer can do.")
    data_sensitivity: DataSensitivity = Field(description="Confidential: text leaves only for hosts named as allowed.")
    owners: Owners
