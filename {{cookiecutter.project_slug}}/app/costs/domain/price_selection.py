"""Selects the price of a model, and rejects implausible prices."""

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
"""A larger ratio means that one price is for a thousand tokens and the other for a million."""


def select_price(model: PricedModel, policy: CostPolicy, listed: ModelPrice | None) -> ModelPrice:
    """The price in the policy, else the one in the bundled list. Errors: ModelUnpriced, BadPrice."""
    entry = policy.price_of(model.model)
    if entry is None:
        if listed is None:
            raise ModelUnpriced(f"There is no price for the model '{model.model}' of {model.provider}.")
        return _checked(listed, model, None)
    if entry.local:
        return ModelPrice(model.model, model.provider, "local", (Tier(0, FREE),))
    if entry.ceiling_usd_per_call is not None:
        return _ceiling(model, entry.ceiling_usd_per_call)
    return _checked(_from_policy(model, entry), model, listed)


def _ceiling(model: PricedModel, usd: Decimal) -> ModelPrice:
    if usd == 0:
        raise BadPrice(f"policies/cost.yaml gives '{model.model}' a ceiling of 0; write what a call may cost at most.")
    prices = UnitPrices(Decimal(0), Decimal(0), Decimal(0), usd)
    return ModelPrice(model.model, model.provider, "ceiling", (Tier(0, prices),))


def _from_policy(model: PricedModel, entry: PolicyPrice) -> ModelPrice:
    price = entry.input if entry.input is not None else Decimal(0)
    if entry.output is None and model.purpose == "chat":
        raise BadPrice(
            f"policies/cost.yaml gives '{model.model}' an input price and no output price; "
            "add 'output' in USD per million tokens."
        )
    cached = entry.cached_input if entry.cached_input is not None else price
    prices = UnitPrices(price, cached, entry.output or Decimal(0))
    return ModelPrice(model.model, model.provider, "policy", (Tier(0, prices),))


def _checked(price: ModelPrice, model: PricedModel, listed: ModelPrice | None) -> ModelPrice:
    check_price(price, SOURCE_NAMES[price.source], chat=model.purpose == "chat")
    if listed is not None:
        _check_ratio("input", price, listed, SOURCE_NAMES["list"])
        if model.purpose == "chat":
            _check_ratio("output", price, listed, SOURCE_NAMES["list"])
    return price


def check_against_last_good(new: PriceTable, good: PriceTable) -> None:
    """Errors: BadPrice, for a price so far from that of the last good table that its unit must differ."""
    before = {price.model: price for price in good.models}
    for price in new.models:
        previous = before.get(price.model)
        if previous is None or not {price.source, previous.source} <= {"policy", "list"}:
            continue
        _check_ratio("input", price, previous, "the live release", MAX_RATIO_TO_LAST_GOOD)
        _check_ratio("output", price, previous, "the live release", MAX_RATIO_TO_LAST_GOOD)


def _check_ratio(
    kind: Literal["input", "output"], price: ModelPrice, other: ModelPrice, where: str, times: int = MAX_RATIO_TO_LIST
) -> None:
    here, there = (getattr(each.tiers[0].prices, kind) for each in (price, other))
    if there > 0 and not there / times < here < there * times:
        raise BadPrice(
            f"The {kind} price of '{price.model}' in {SOURCE_NAMES[price.source]} is {here} USD per million tokens "
            f"while {where} says {there}; give the price of a million tokens."
        )
