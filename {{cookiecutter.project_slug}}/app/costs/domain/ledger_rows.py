"""Rows of the cost ledger and the sums that are read from it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from app.costs.domain.prices import Charge

Feature = Literal[
    "answer", "search", "embedding_document", "embedding_query", "evaluation", "judging", "online_judging"
]


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One line of the ledger. Never changed, never removed."""

    id: UUID
    tenant_id: UUID
    at: datetime
    feature: Feature
    subject_id: UUID | None
    key_id: UUID | None
    release_id: str | None
    charge: Charge
    kind: Literal["charge"] = "charge"
    environment: str = "production"


@dataclass(frozen=True, slots=True)
class CostTotal:
    """What one day, feature, model, release, environment, key or person cost. name: of a key."""

    key: str
    calls: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    micro_usd: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class CostReport:
    since: date
    until: date
    time_zone: str
    total: CostTotal
    by_day: tuple[CostTotal, ...]
    by_feature: tuple[CostTotal, ...]
    by_model: tuple[CostTotal, ...]
    by_release: tuple[CostTotal, ...]
    by_environment: tuple[CostTotal, ...]
    by_key: tuple[CostTotal, ...] = ()
    by_person: tuple[CostTotal, ...] = ()


SUMMED = ("calls", "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "micro_usd")


def with_people(report: CostReport, keys: Mapping[str, tuple[str, str]]) -> CostReport:
    """The report with the names of its keys, and summed by person, the highest first.

    keys: name and person by id. What no key asked for, such as the reading of documents, is of nobody: key ''.
    """
    named = tuple(replace(total, name=keys.get(total.key, ("", ""))[0]) for total in report.by_key)
    people: dict[str, CostTotal] = {}
    for total in report.by_key:
        person = keys.get(total.key, ("", ""))[1]
        sums = {name: getattr(total, name) + getattr(people.get(person), name, 0) for name in SUMMED}
        people[person] = CostTotal(person, **sums)
    by_person = tuple(sorted(people.values(), key=lambda total: (-total.micro_usd, -total.calls, total.key)))
    return replace(report, by_key=named, by_person=by_person)
