from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from app.costs.domain import ModelPrice, PricedModel, Tier, UnitPrices

if TYPE_CHECKING:
    from genai_prices import types


class BundledPrices:
    """The price list of the package genai-prices, as of its release date."""

    def find(self, priced: PricedModel, at: datetime) -> ModelPrice | None:
        # Imported on demand: it takes half a second, and a service with only local models does not need it.
        from genai_prices.data_snapshot import get_snapshot

        snapshot = get_snapshot()
        for address, provider in ((priced.address, None), (None, priced.provider), (None, None)):
            try:
                _, model = snapshot.find_provider_model(priced.model, None, provider, address)
            except LookupError:
                continue
            return ModelPrice(priced.model, priced.provider, "list", _tiers(_valid_prices(model, at)))
        return None


def _valid_prices(model: "types.ModelInfo", at: datetime) -> list["types.ModelPrice"]:
    from genai_prices import types

    if isinstance(model.prices, types.ModelPrice):
        return [model.prices]
    by_hour = [p.prices for p in model.prices if isinstance(p.constraint, types.TimeOfDateConstraint)]
    started = [p.prices for p in model.prices if p.constraint is None or _has_started(p.constraint, at)]
    return [*by_hour, *(started[-1:] or [model.prices[0].prices])]


def _has_started(constraint: object, at: datetime) -> bool:
    from genai_prices import types

    return isinstance(constraint, types.StartDateConstraint) and constraint.active(at)


def _tiers(prices: list["types.ModelPrice"]) -> tuple[Tier, ...]:
    starts = {0}
    for price in prices:
        for value in (price.input_mtok, price.cache_read_mtok, price.output_mtok):
            starts |= {tier.start for tier in getattr(value, "tiers", ())}
    return tuple(Tier(start, _at(prices, start)) for start in sorted(starts))


def _at(prices: list["types.ModelPrice"], above: int) -> UnitPrices:
    input_price = _highest((p.input_mtok for p in prices), above) or Decimal(0)
    cached = _highest((p.cache_read_mtok for p in prices), above)
    output = _highest((price for p in prices for price in (p.output_mtok, p.output_reasoning_mtok)), above)
    calls = _highest((p.requests_kcount for p in prices), above) or Decimal(0)
    cached = input_price if cached is None else cached
    return UnitPrices(input_price, cached, output or Decimal(0), calls / 1000)


def _highest(values: Iterable["Decimal | types.TieredPrices | None"], above: int) -> Decimal | None:
    # A few entries have rounding errors of binary fractions, such as 0.18000000000000002.
    return max((round(_one(value, above), 12) for value in values if value is not None), default=None)


def _one(value: "Decimal | types.TieredPrices", above: int) -> Decimal:
    if isinstance(value, Decimal):
        return value
    reached = [tier.price for tier in value.tiers if tier.start <= above]
    return reached[-1] if reached else value.base
