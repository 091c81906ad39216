from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from app.actions.domain.origins import Origin
from app.core.base_models import ExactModel
from app.core.policies import PolicyModel


class ActionLimits(ExactModel):
    """How often an action may run, and where its arguments may come from."""

    per_hour: int = Field(ge=1, le=100_000, description="For one key, in any sixty minutes.")
    arguments: dict[str, tuple[Origin, ...]] = Field(
        default_factory=dict,
        description="By argument, where all parts of its value may come from; without an entry, from anywhere.",
    )


class ActionPolicy(PolicyModel):
    """policies/actions.yaml: the actions that a model may propose. A request names those that it allows."""

    renamed_keys: ClassVar[Mapping[str, str]] = {"most_rounds": "max_rounds", "most_per_answer": "max_per_answer"}

    offered: dict[str, ActionLimits] = Field(
        default_factory=dict, description="By name; `app actions catalogue` describes each of them."
    )
    max_rounds: int = Field(4, ge=1, le=10, description="The most rounds of tool calls for one question.")
    max_per_answer: int = Field(8, ge=1, le=50, description="The most actions of one answer.")


NOTHING_OFFERED = ActionPolicy(owner="nobody")
"""The policy of releases that are older than actions."""
