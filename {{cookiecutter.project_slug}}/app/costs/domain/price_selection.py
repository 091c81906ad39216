"""Which price holds for a model, and whether it can be right."""

from decimal import Decimal
from typing import Literal

from app.costs.domain.policy import CostPolicy, PolicyPrice
from app.costs.domain.prices import (
    FREE,
    MAX_RATIO_TO_LIST,
    SOURCE_NAMES,
    BadPrice,
    ModelPrice,
    ModelUnpriced,
    PricedModel,
    PriceTable,
    Tier,
    UnitPrices,
    check_price,
)

MAX_RATIO_TO_LAST_GOOD = 500
"""Prices do fall and rise, but those of a thousand tokens are not those of a million."""


def select_price(wanted: PricedModel, policy: CostPolicy, listed: ModelPrice | None) -> ModelPrice:
    """The policy's price if it has one, else the list's. Raises ModelUnpriced or BadPrice."""
    said = policy.price_of(wanted.model)
    if said is None:
        if listed is None:
            raise ModelUnpriced(f"There is no price for the model '{wanted.model}' of {wanted.provider}.")
        return _checked(listed, wanted, None)
    if said.local:
        return ModelPrice(wanted.model, wanted.provider, "local", (Tier(0, FREE),))
    if said.ceiling_usd_per_call is not None:
        return _ceiling(wanted, said.ceiling_usd_per_call)
    return _checked(_from_policy(wanted, said), wanted, listed)


def _ceiling(wanted: PricedModel, usd: Decimal) -> ModelPrice:
    if usd == 0:
        raise BadPrice(f"policies/cost.yaml gives '{wanted.model}' a ceiling of 0; write what a call may cost at most.")
    prices = UnitPrices(Decimal(0), Decimal(0), Decimal(0), usd)
    return ModelPrice(wanted.model, wanted.provider, "ceiling", (Tier(0, prices),))


def _from_policy(wanted: PricedModel, said: PolicyPrice) -> ModelPrice:
    price = said.input if said.input is not None else Decimal(0)
    if said.output is None and wanted.purpose == "chat":
        raise BadPrice(
            f"policies/cost.yaml gives '{wanted.model}' an input price and no output price; "
            "add 'output' in USD per million tokens."
        )
    cached = said.cached_input if said.cached_input is not None else price
    prices = UnitPrices(price, cached, said.output or Decimal(0))
    return ModelPrice(wanted.model, wanted.provider, "policy", (Tier(0, prices),))


def _checked(price: ModelPrice, wanted: PricedModel, listed: ModelPrice | None) -> ModelPrice:
    check_price(price, SOURCE_NAMES[price.source], chat=wanted.purpose == "chat")
    if listed is not None:
        _near("input", price, listed, SOURCE_NAMES["list"])
        if wanted.purpose == "chat":
            _near("output", price, listed, SOURCE_NAMES["list"])
    return price


def check_against_last_good(new: PriceTable, good: PriceTable) -> None:
    """Errors: BadPrice, for a price so far from that of the last good table that the unit must be another one."""
    before = {price.model: price for price in good.models}
    for price in new.models:
        was = before.get(price.model)
        if was is None or not {price.source, was.source} <= {"policy", "list"}:
            continue
        _near("input", price, was, "the live release", MAX_RATIO_TO_LAST_GOOD)
        _near("output", price, was, "the live release", MAX_RATIO_TO_LAST_GOOD)


def _near(
    kind: Literal["input", "output"], price: ModelPrice, other: ModelPrice, where: str, times: int = MAX_RATIO_TO_LIST
) -> None:
    here, there = (getattr(each.tiers[0].prices, kind) for each in (price, other))
    if there > 0 and not there / times < here < there * times:
        raise BadPrice(
            f"The {kind} price of '{price.model}' in {SOURCE_NAMES[price.source]} is {here} USD per million tokens "
            f"while {where} says {there}; give the price of a million tokens."
        )
