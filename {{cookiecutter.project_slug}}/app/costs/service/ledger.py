from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property, lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo

from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.clock import Clock
from app.core.database import Database
from app.core.errors import StartRefused
from app.core.ids import new_id
from app.core.telemetry import counter
from app.costs.domain.budgets import Settlement
from app.costs.domain.ledger_rows import CostReport, CostTotal, Feature, LedgerRow, with_people
from app.costs.domain.policy import CostPolicy
from app.costs.domain.price_selection import select_price
from app.costs.domain.prices import Charge, ModelPrice, ModelUnpriced, PricedModel, PriceTable
from app.costs.domain.reconciliation import DailyUsage, Deviation, UsageByDay, compare
from app.costs.domain.unit_costs import UnitCosts, forecast, with_changes, with_resolved
from app.costs.domain.usage import Usage
from app.costs.ports import PriceList, Resolutions
from app.costs.repository import budget_store, cost_reports, ledger_store
from app.costs.service.budget_limits import Budgets
from app.costs.service.late_charges import LateCharges
from app.costs.service.reservations import Reservations
from app.identity.service.principals import key_owners

SPENT = counter("app_cost_micro_usd_total", "Charged, in micro-dollars", ("feature", "model", "environment"))
TOKENS = counter("app_tokens_total", "Tokens charged for", ("feature", "model", "kind"))


def make_price_table(policy: CostPolicy, models: Sequence[PricedModel], prices: PriceList, clock: Clock) -> PriceTable:
    """The prices of every model that will be called. Errors: StartRefused, naming the first model without a price."""
    now = clock.now()

    def listed(model: PricedModel) -> ModelPrice | None:
        entry = policy.price_of(model.model)
        needed = entry is None or entry.input is not None
        return prices.find(model, now) if needed else None

    try:
        return PriceTable(select_price(model, policy, listed(model)) for model in models)
    except ModelUnpriced as unpriced:
        raise StartRefused(f"{unpriced.detail} {unpriced.what_to_do}") from unpriced


@dataclass(frozen=True)
class Costs:
    """refused: why the last good prices are used instead of those of this process's own files; else empty.

    shared_by: the calls that one reservation may serve; 1 where another process settles the holds of this one.
    """

    policy: CostPolicy
    table: PriceTable
    database: Database
    clock: Clock
    refused: str = ""
    resolutions: Resolutions | None = None
    late: LateCharges = field(default_factory=LateCharges)
    shared_by: int = 16

    @cached_property
    def budgets(self) -> Budgets:
        return Budgets(self.policy, self.database, self.clock, changed=self.reservations.stop_sharing)

    @cached_property
    def reservations(self) -> Reservations:
        return Reservations(self.policy, self.database, self.clock, shared_by=self.shared_by)

    async def notes(self) -> list[str]:
        """Warnings for the owner, in sentences."""
        if not self.refused:
            return await self.budgets.notes()
        warning = f"The prices of the files here are not used, but those of the live release. {self.refused}"
        return [warning, *await self.budgets.notes()]

    def max_cost(self, model: str, usage: Usage) -> int:
        """The most that a call of at most these tokens can cost, in micro-dollars. Errors: ModelUnpriced."""
        return self.table.max_cost(model, usage)

    async def abandon(
        self, tenant_id: UUID, subject_id: UUID | None, rows: Sequence[LedgerRow], settled: Settlement
    ) -> None:
        """Charges the cost of work that left no record of its own, and settles its holds; retried while writes fail.

        Writes nothing when the subject or one of the rows has been charged meanwhile.
        """
        facts = {"tenant_id": str(tenant_id), "subject_id": str(subject_id), "micro_usd": settled.micro_usd}
        await self.late.charge(lambda: self._abandon(tenant_id, subject_id, rows, settled), facts)

    async def _abandon(
        self, tenant_id: UUID, subject_id: UUID | None, rows: Sequence[LedgerRow], settled: Settlement
    ) -> None:
        async with self.database.transaction(tenant_id) as connection:
            charged = await budget_store.charged(connection, settled, subject_id, [row.id for row in rows])
            if not charged:
                await ledger_store.insert_rows(connection, rows)
                if settled:
                    await budget_store.settle(connection, settled)
        # After the commit: a failed attempt is retried, and must not be counted twice.
        if not charged:
            self.count(rows)
        self.reservations.count(settled)

    async def close(self) -> None:
        """Writes the pending charges and releases unused reservations."""
        await self.late.close()
        await self.reservations.close()

    def price(self, model: str, usage: Usage) -> Charge:
        """What one call cost, in whole micro-dollars. Errors: ModelUnpriced."""
        return self.table.charge(model, usage)

    def row(
        self,
        tenant_id: UUID,
        feature: Feature,
        model: str,
        usage: Usage,
        *,
        subject_id: UUID | None = None,
        key_id: UUID | None = None,
        release_id: str | None = None,
        environment: str = "production",
        table: PriceTable | None = None,
    ) -> LedgerRow:
        """A row that is not written yet; for callers that send LEDGER_SQL themselves.

        table: the prices of a release, instead of those of this process's own files.
        """
        charge = (table or self.table).charge(model, usage)
        now = self.clock.now()
        return LedgerRow(
            new_id(), tenant_id, now, feature, subject_id, key_id, release_id, charge, environment=environment
        )

    async def record(self, connection: AsyncConnection, rows: Sequence[LedgerRow]) -> None:
        """Writes rows in the caller's transaction and counts them."""
        await ledger_store.insert_rows(connection, rows)
        self.count(rows)

    def count(self, rows: Sequence[LedgerRow]) -> None:
        """Adds rows to the metrics; only for callers that write the rows themselves."""
        for row in rows:
            _count(row)

    async def totals(self, tenant_id: UUID, since: date | None = None, until: date | None = None) -> CostReport:
        """What a tenant spent from `since` to `until`, both days included, in the policy's time zone.

        Without dates: the last 30 days.
        """
        first, last = self._days(since, until)
        async with self.database.read(tenant_id) as connection:
            report = await ledger_store.totals(connection, tenant_id, first, last, self.policy.time_zone)
            return with_people(report, await key_owners(connection))

    async def of_subject(self, tenant_id: UUID, subject_id: UUID) -> list[CostTotal]:
        """What one answer, document or evaluation cost, by feature and model."""
        async with self.database.read(tenant_id) as connection:
            return await ledger_store.of_subject(connection, tenant_id, subject_id)

    async def by_tenant(self, since: date | None = None, until: date | None = None) -> list[tuple[UUID, CostTotal]]:
        """The costs of each tenant that spent anything, the highest first. Days as for `totals`."""
        totals = [(each, (await self.totals(each, since, until)).total) for each in await self.budgets.payers()]
        return sorted((pair for pair in totals if pair[1].micro_usd), key=lambda pair: -pair[1].micro_usd)

    async def units(self, tenant_id: UUID, since: date | None = None, until: date | None = None) -> UnitCosts:
        """The unit costs of a tenant in these days (answer, resolved answer, document, evaluation), the cost of an
        answer by release, and the forecast of this month."""
        (first, last), zone = self._days(since, until), self.policy.time_zone
        today = self._days(None, None)[1]
        async with self.database.read(tenant_id) as connection:
            units = await cost_reports.units(connection, tenant_id, first, last, zone)
            resolutions = self.resolutions
            resolved = await resolutions.resolved(connection, tenant_id, first, last, zone) if resolutions else None
            by_release = await cost_reports.releases(connection, tenant_id, first, last, zone)
            month = await ledger_store.totals(connection, tenant_id, today.replace(day=1), today, zone)
        by_day = {date.fromisoformat(day.key): day.micro_usd for day in month.by_day}
        expected = forecast(today, by_day, by_day.pop(today, 0))
        kinds = tuple(units) if resolved is None else with_resolved(units, resolved)
        return UnitCosts(first, last, kinds, with_changes(by_release), expected)

    async def reconcile(self, provider: UsageByDay, tenants: Iterable[UUID]) -> list[Deviation]:
        """The differences between the ledger of these tenants and a provider's export, on its days and models."""
        days, models = [day for day, _ in provider], {model for _, model in provider}
        ledger: dict[tuple[date, str], DailyUsage] = {}
        for tenant_id in tenants:
            async with self.database.read(tenant_id) as connection:
                for key, usage in (await cost_reports.account(connection, tenant_id, min(days), max(days))).items():
                    if key[1] in models:
                        ledger[key] = ledger.get(key, DailyUsage()).plus(usage)
        return compare(ledger, provider)

    def _days(self, since: date | None, until: date | None) -> tuple[date, date]:
        last = until or self.clock.now().astimezone(ZoneInfo(self.policy.time_zone)).date()
        return since or last - timedelta(days=29), last


def _count(row: LedgerRow) -> None:
    usage = row.charge.usage
    cost, uncached, cached, output = _counters(row.feature, row.charge.model, row.environment)
    cost.inc(row.charge.micro_usd)
    uncached.inc(usage.input - usage.cached_input)
    cached.inc(usage.cached_input)
    output.inc(usage.output)


@lru_cache(maxsize=256)
def _counters(feature: str, model: str, environment: str) -> tuple[Counter, Counter, Counter, Counter]:
    kinds = (TOKENS.labels(feature, model, kind) for kind in ("input", "cached_input", "output"))
    return (SPENT.labels(feature, model, environment), *kinds)  # type: ignore[return-value]
