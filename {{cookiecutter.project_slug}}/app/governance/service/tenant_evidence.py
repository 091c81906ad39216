"""Evidence from the rows of all tenants, read tenant by tenant under row-level security."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from app.core.clock import Clock
from app.core.database import Database
from app.core.ownership import OwnershipPolicy
from app.core.policies import Policies
from app.core.slo import SloPolicy
from app.costs.service import Costs
from app.governance.domain.readiness.facts import (
    CallerFacts,
    CorpusFacts,
    DataHealthFacts,
    KeyFact,
    QueueFacts,
    SpendingFacts,
    TrafficFacts,
)
from app.governance.repository import evidence_queries
from app.governance.repository.evidence_queries import AgedCount, AnswerTime, OpenReviews
from app.identity.domain import PERMISSIONS
from app.ingestion.domain.policy import DataPolicy
from app.retrieval.service.retrieval import Retrieval

WINDOW = timedelta(days=30)
MAX_ANSWERS = 10_000
"""Of each tenant, the newest ones."""
DECIDES = "reviews:decide"
REVIEWERS_AT_HIGH_RISK = 2


@dataclass(frozen=True)
class TenantEvidence:
    """Facts as of now, over all tenants; each tenant is read under row-level security. models: those that this process
    may call for an answer.
    """

    database: Database
    clock: Clock
    policies: Policies
    retrieval: Retrieval
    costs: Costs
    models: tuple[str, ...]

    async def corpus(self) -> CorpusFacts:
        policy, documents = self.policies.get(DataPolicy), Counter[str]()
        newest, left = [], []
        for tenant in await self._tenants():
            async with self.database.read(tenant) as connection:
                for each in await evidence_queries.published_sources(connection, tenant):
                    documents[each.source] += each.number
                    newest.append(each.newest)
                left.append(await evidence_queries.undecided(connection, tenant))
        return CorpusFacts(
            documents=dict(documents),
            newest=max((at for at in newest if at), default=None),
            listed=tuple(sorted(policy.sources)),
            unknown=policy.unknown_sources,
            waiting=sum(each.number for each in left),
            oldest_waiting=min((each.at for each in left if each.at), default=None),
        )

    async def data_health(self) -> DataHealthFacts:
        checked: list[datetime | None] = []
        unhealthy = Counter[str]()
        for tenant in await self._tenants():
            async with self.database.read(tenant) as connection:
                checked.append(await evidence_queries.data_checked(connection, tenant))
                unhealthy.update(await evidence_queries.unhealthy_signals(connection, tenant))
        times = [at for at in checked if at]
        return DataHealthFacts(len(checked), len(checked) - len(times), min(times, default=None), dict(unhealthy))

    async def traffic(self) -> TrafficFacts:
        since = self.clock.now() - WINDOW
        times: list[AnswerTime] = []
        rated: list[AgedCount] = []
        for tenant in await self._tenants():
            async with self.database.read(tenant) as connection:
                times += await evidence_queries.answer_times(connection, tenant, since, MAX_ANSWERS)
                rated.append(await evidence_queries.ratings(connection, tenant, since))
        durations = sorted(each.ms for each in times if each.ms is not None)
        return TrafficFacts(
            answers=len(times),
            p95_ms=_p95(durations),
            objective_ms=self.policies.get(SloPolicy).answer_p95_ms,
            charged=sum(each.charged for each in times),
            rated=sum(each.number for each in rated),
            newest_rating=max((each.at for each in rated if each.at), default=None),
        )

    async def reviews(self) -> QueueFacts:
        found: list[OpenReviews] = []
        for tenant in await self._tenants():
            async with self.database.read(tenant) as connection:
                found.append(await evidence_queries.open_reviews(connection, tenant, self.clock.now()))
        oldest = min((each.oldest_due for each in found if each.oldest_due), default=None)
        return QueueFacts(sum(each.open for each in found), sum(each.overdue for each in found), oldest)

    async def callers(self) -> CallerFacts:
        keys: list[KeyFact] = []
        reviewers: list[str] = []
        for tenant in await self._tenants():
            async with self.database.read(tenant) as connection:
                valid = await evidence_queries.valid_keys(connection, tenant, self.clock.now())
                people = await evidence_queries.people(connection, tenant)
            keys += [KeyFact(*key[:5]) for key in valid]
            reviewers += [key.person for key in valid if _decides(key.roles)]
            reviewers += [person.name for person in people if _decides(person.roles)]
        high = self.policies.get(OwnershipPolicy).risk_tier == "high"
        return CallerFacts(tuple(keys), tuple(sorted(reviewers)), REVIEWERS_AT_HIGH_RISK if high else 1)

    async def spending(self) -> SpendingFacts:
        """Of this month, in the time zone of the budgets."""
        zone = self.costs.policy.time_zone
        first = self.clock.now().astimezone(ZoneInfo(zone)).date().replace(day=1)
        ledger = 0
        for tenant in await self._tenants():
            async with self.database.read(tenant) as connection:
                ledger += await evidence_queries.ledger_sum(connection, tenant, first, zone)
        month = next((each for each in await self.costs.budgets.current() if each.span == "month"), None)
        return SpendingFacts(
            limit=month.limit_micro_usd if month else None,
            ledger=ledger,
            committed=month.committed_micro_usd if month else 0,
            held=month.held_micro_usd if month else 0,
            prices=self.costs.table.digest,
            unpriced=tuple(sorted(set(self.models) - {price.model for price in self.costs.table.models})),
        )

    async def _tenants(self) -> list[UUID]:
        return await self.retrieval.indexes.tenants()


def _p95(durations: Sequence[float]) -> float | None:
    """The least of the durations, which are sorted, that 95 of 100 do not pass; None without any."""
    return durations[math.ceil(0.95 * len(durations)) - 1] if durations else None


def _decides(roles: Iterable[str]) -> bool:
    return any(DECIDES in PERMISSIONS.get(role, ()) for role in roles)
