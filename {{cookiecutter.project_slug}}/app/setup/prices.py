"""Chooses the prices of a process: those of its files, or the last good ones."""

from collections.abc import Sequence

import structlog

from app.adapters.prices import BundledPrices
from app.core.clock import Clock
from app.core.database import Database
from app.core.errors import Problem, StartRefused
from app.costs.domain import CostPolicy, PricedModel, PriceTable
from app.costs.domain.price_selection import check_against_last_good
from app.costs.service import Costs, make_price_table
from app.releases.service import live_prices
from app.retrieval.ports import Embedder

log = structlog.get_logger(__name__)


def embedding_models(embedders: Sequence[Embedder], address: str) -> list[PricedModel]:
    """address: of the provider, where an embedder has one."""
    return [PricedModel(each.model, each.provider, "embedding", address) for each in embedders if each.dimensions]


async def choose_costs(policy: CostPolicy, models: Sequence[PricedModel], database: Database, clock: Clock) -> Costs:
    """Errors: StartRefused, when the prices of the files are implausible and there are no last good ones."""
    good = await _last_good(database)
    try:
        table = make_price_table(policy, models, BundledPrices(), clock)
        if good:
            check_against_last_good(table, good)
    except StartRefused as error:
        if good is None or not _knows(good, models):
            raise
        log.error("costs.price_table_refused", reason=str(error), kept=good.digest)
        return Costs(policy, good, database, clock, str(error))
    return Costs(policy, table, database, clock)


async def _last_good(database: Database) -> PriceTable | None:
    try:
        content = await live_prices(database)
        return PriceTable.read(content) if content else None
    except (Problem, StartRefused) as error:
        log.warning("costs.last_prices_unknown", error=type(error).__name__)
        return None


def _knows(table: PriceTable, models: Sequence[PricedModel]) -> bool:
    return {each.model for each in models} <= {each.model for each in table.models}
