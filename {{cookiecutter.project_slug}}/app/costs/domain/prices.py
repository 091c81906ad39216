"""Prices of models, the price table of a process or release, and the cost of a call in exact arithmetic."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal

from app.core.errors import Invalid, StartRefused
from app.costs.domain.usage import Usage

# USD per million tokens and micro-dollars per token are the same number.
PICO = 10**12
MIN_PRICE, MAX_PRICE = Decimal("0.0005"), Decimal("2000")
MAX_RATIO_TO_LIST = 100
MAX_AMOUNT = 10**6 * PICO
"""No amount in a price table is above a million dollars."""
ModelPurpose = Literal["chat", "embedding"]


class BadPrice(StartRefused):
    """An implausible price; the message names the model, the price and what to do."""


class ModelUnpriced(Invalid):
    code, title = "model_unpriced", "This model has no price"
    action = "Give the model a price, 'local: true' or a ceiling in policies/cost.yaml, then start again."


@dataclass(frozen=True, slots=True)
class UnitPrices:
    """USD per million tokens by kind, and USD per call."""

    input: Decimal
    cached_input: Decimal
    output: Decimal
    call: Decimal = Decimal(0)


FREE = UnitPrices(Decimal(0), Decimal(0), Decimal(0))


@dataclass(frozen=True, slots=True)
class Tier:
    """These prices hold for every token of a call with more than `above` input tokens."""

    above: int
    prices: UnitPrices


@dataclass(frozen=True, slots=True)
class ModelPrice:
    model: str
    provider: str
    source: Literal["policy", "local", "ceiling", "list"]
    tiers: tuple[Tier, ...]

    def at(self, input_tokens: int) -> UnitPrices:
        chosen = self.tiers[0].prices
        for tier in self.tiers[1:]:
            if input_tokens > tier.above:
                chosen = tier.prices
        return chosen


@dataclass(frozen=True, slots=True)
class PricedModel:
    """A model that the service is going to call. `address` is the provider's base URL, where there is one."""

    model: str
    provider: str
    purpose: ModelPurpose = "chat"
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Charge:
    """The cost of one call in whole micro-dollars, rounded up, with everything needed to compute it again."""

    micro_usd: int
    model: str
    provider: str
    usage: Usage
    prices: UnitPrices
    price_table: str


@lru_cache(maxsize=512)
def _pico(prices: UnitPrices) -> tuple[int, int, int, int]:
    scaled = (prices.input, prices.cached_input, prices.output, prices.call * 1_000_000)
    return tuple(int(price * PICO) for price in scaled)  # type: ignore[return-value]


def micro_usd(usage: Usage, prices: UnitPrices) -> int:
    """The cost of these tokens, computed exactly and rounded up to the next whole micro-dollar."""
    per_input, per_cached, per_output, per_call = _pico(prices)
    fresh = usage.input - usage.cached_input
    exact = fresh * per_input + usage.cached_input * per_cached + usage.output * per_output + per_call
    return -(-exact // PICO)


class PriceTable:
    """The prices of every model this process may call, and the digest of all of them together."""

    def __init__(self, prices: Iterable[ModelPrice]) -> None:
        self._prices: Mapping[str, ModelPrice] = {price.model: price for price in prices}
        self.canonical = _canonical(self._prices)
        self.digest = hashlib.sha256(self.canonical).hexdigest()

    @classmethod
    def read(cls, canonical: bytes) -> "PriceTable":
        """Parses the stored table of a release. Errors: BadPrice, for an invalid table or price."""
        try:
            table = cls(_read_price(each) for each in json.loads(canonical).values())
        except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
            raise BadPrice("A stored price table cannot be read; go to a release that has another one.") from error
        for price in table.models:
            check_price(price, "the stored price table", chat=False)
        return table

    def check_chat_models(self, models: Iterable[str]) -> None:
        """Errors: BadPrice, when one of them has no price, or an output price of 0."""
        for model in models:
            if (entry := self._prices.get(model)) is None:
                raise BadPrice(f"The stored price table has no price for '{model}'; go to a release that has one.")
            check_price(entry, "the stored price table", chat=True)

    @property
    def models(self) -> Sequence[ModelPrice]:
        return tuple(self._prices[name] for name in sorted(self._prices))

    def max_cost(self, model: str, usage: Usage) -> int:
        """The most that a call of at most these tokens can cost, in micro-dollars. Errors: ModelUnpriced."""
        if (entry := self._prices.get(model)) is None:
            raise ModelUnpriced(f"There is no price for the model '{model}'.")
        return max(micro_usd(usage, _without_cache_discount(tier.prices)) for tier in entry.tiers)

    def charge(self, model: str, usage: Usage) -> Charge:
        """The cost of these tokens. Errors: ModelUnpriced, for a model that is not in the table."""
        if (entry := self._prices.get(model)) is None:
            raise ModelUnpriced(f"There is no price for the model '{model}'.")
        prices = entry.at(usage.input)
        return Charge(micro_usd(usage, prices), model, entry.provider, usage, prices, self.digest)


@lru_cache(maxsize=512)
def _without_cache_discount(prices: UnitPrices) -> UnitPrices:
    return replace(prices, input=max(prices.input, prices.cached_input)) if prices.cached_input else prices


def _canonical(prices: Mapping[str, ModelPrice]) -> bytes:
    plain = {name: asdict(price) for name, price in prices.items()}
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_digits).encode()


def _read_price(plain: Mapping[str, Any]) -> ModelPrice:
    tiers = (
        Tier(tier["above"], UnitPrices(**{kind: Decimal(price) for kind, price in tier["prices"].items()}))
        for tier in plain["tiers"]
    )
    return ModelPrice(plain["model"], plain["provider"], plain["source"], tuple(tiers))


def _digits(value: Decimal) -> str:
    return format(value.normalize(), "f")


SOURCE_NAMES = {"policy": "policies/cost.yaml", "list": "the bundled price list"}


def check_price(price: ModelPrice, where: str, *, chat: bool) -> None:
    """chat: the model must have an output price. Errors: BadPrice, for an implausible price."""
    amounts = [amount for tier in price.tiers for amount in astuple(tier.prices)]
    if not amounts or not all(map(_is_amount, amounts)):
        raise BadPrice(f"A price of '{price.model}' in {where} is no amount of money; correct policies/cost.yaml.")
    if price.source in ("local", "ceiling"):
        if any(amounts) is not (price.source == "ceiling"):
            raise BadPrice(f"'{price.model}' in {where} is {price.source} and costs {max(amounts)}; make it again.")
        return
    for tier in price.tiers:
        _plausible("input", tier.prices.input, price.model, where)
        if chat or tier.prices.output:
            _plausible("output", tier.prices.output, price.model, where)


def _is_amount(price: Decimal) -> bool:
    return price.is_finite() and 0 <= price * PICO <= MAX_AMOUNT and price * PICO % 1 == 0


def _plausible(kind: str, price: Decimal, model: str, where: str) -> None:
    if price.is_finite() and price == 0:
        raise BadPrice(
            f"The {kind} price of '{model}' in {where} is 0; write its price in USD per million tokens, or "
            "'local: true' in policies/cost.yaml if it runs on your own machines."
        )
    if not price.is_finite() or not MIN_PRICE <= price <= MAX_PRICE or price * PICO % 1:
        raise BadPrice(
            f"The {kind} price of '{model}' in {where} is {price} USD per million tokens, outside "
            f"{MIN_PRICE} to {MAX_PRICE}; check the unit and correct it in policies/cost.yaml."
        )
