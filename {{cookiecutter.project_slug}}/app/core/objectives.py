"""Sections `objectives` and `error_budget` of policies/slo.yaml: the share of events that must go well within a month,
and what happens when too few did.
"""

from typing import Literal

from pydantic import Field

from app.core.base_models import ExactModel

ObjectiveName = Literal[
    "available", "in_time", "undegraded", "answered", "grounded", "reviewed", "ingested", "processed"
]


class Objectives(ExactModel):
    """Each is a share of events; what is missing to 1 is the error budget of the window."""

    window_days: int = Field(30, ge=7, le=90, description="The window of the error budgets, in days.")
    min_events: int = Field(
        50, ge=1, description="With fewer events than this in its longer window, no alert about a share fires."
    )
    available: float = Field(0.995, gt=0, lt=1, description="Requests for answers that do not end in a server error.")
    in_time: float = Field(0.95, gt=0, lt=1, description="Answers within answer_p95_ms.")
    undegraded: float = Field(0.95, gt=0, lt=1, description="Answers by the first model, with all steps.")
    answered: float = Field(0.7, gt=0, lt=1, description="Questions that are answered, and not refused.")
    grounded: float = Field(0.95, gt=0, lt=1, description="Answers of whose sentences more than 80 % are supported.")
    reviewed: float = Field(0.95, gt=0, lt=1, description="Review items that are decided before their due time.")
    ingested: float = Field(0.9, gt=0, lt=1, description="Documents that are published, and not quarantined.")
    processed: float = Field(0.99, gt=0, lt=1, description="Attempts of jobs that end well.")


class ErrorBudgetRules(ExactModel):
    """What a spent error budget stops."""

    freeze_on: tuple[ObjectiveName, ...] = Field(
        ("available", "in_time", "undegraded", "answered", "grounded"),
        description="Objectives whose spent budget stops releases and canaries, except fixes. None: none is stopped.",
    )
    exception_days: int = Field(
        7, ge=1, le=30, description="For how long a release counts as a fix, or as let through by name."
    )
