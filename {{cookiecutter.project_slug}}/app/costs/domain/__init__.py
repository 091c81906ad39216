import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from app.core.errors import Invalid, StartRefused
from app.core.policies import PolicyModel
from app.costs.domain.budgets import BudgetRules

# USD per million tokens and micro-dollars per token are the same number.
PICO = 10**12
LOWEST, HIGHEST = Decimal("0.0005"), Decimal("2000")
FARTHEST = 100
MOST = 10**6 * PICO
"""No amount in a price table is above a million dollars."""

Purpose = Literal["chat", "embedding"]
Feature = Literal["answer", "search", "embedding_document", "embedding_query", "evaluation", "judging"]
Usd = Annotated[Decimal, Field(ge=0, allow_inf_nan=False, max_digits=18, decimal_places=12)]


class BadPrice(StartRefused):
    """A price that cannot be right; the message names the model, the price and what to do."""


class ModelUnpriced(Invalid):
    code, title = "model_unpriced", "Nobody has said what this model costs"
    action = "Give the model a price, 'local: true' or a ceiling in policies/cost.yaml, then start again."


class PolicyPrice(BaseModel):
    """What `policies/cost.yaml` says on one model: a price, that it is local, or a ceiling for each call."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    local: bool = Field(False, description="It runs on our own machines; nobody charges for its tokens.")
    input: Usd | None = Field(None, description="USD per million tokens that the model reads.")
    cached_input: Usd | None = Field(
        None, description="USD per million of those that come from the provider's cache; without it, `input`."
    )
    output: Usd | None = Field(None, description="USD per million tokens that the model writes.")
    ceiling_usd_per_call: Usd | None = Field(
        None, description="The price is not known: each call is charged this much."
    )
    why: str = Field("", description="Where the price is from; for whoever reads the file.")

    @model_validator(mode="after")
    def one_way_of_pricing(self) -> "PolicyPrice":
        ways = [self.local, self.input is not None, self.ceiling_usd_per_call is not None]
        if sum(ways) != 1:
            raise ValueError("give one of 'local: true', 'input' (with 'output') or 'ceiling_usd_per_call'")
        return self


class CostPolicy(PolicyModel):
    """`policies/cost.yaml`: what a month may cost, and prices that the bundled list lacks or has wrong."""

    monthly_budget_usd: Annotated[Decimal, Field(gt=0, allow_inf_nan=False)] = Field(
        description="What a month of the whole service may cost. No paid call is made that could pass it."
    )
    budgets: BudgetRules = Field(
        default_factory=BudgetRules, description="Further limits, and what happens near a limit and at it."
    )
    time_zone: str = Field("UTC", description="Days and months of budgets and reports begin at midnight here.")
    prices: dict[str, PolicyPrice] = Field(
        default_factory=dict, description="By model name; a `*` fits anything, and the longest name that fits wins."
    )

    @field_validator("time_zone")
    @classmethod
    def known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as missing:
            raise ValueError(f"'{value}' is not a time zone; write a name such as UTC or Europe/Berlin") from missing
        return value

    @property
    def limits(self) -> list[int | None]:
        """Micro-dollars of the service's day and month and of each tenant's; None where there is no limit."""
        rules = self.budgets
        usd = (
            rules.service_daily_usd,
            self.monthly_budget_usd,
            rules.tenant_daily_usd,
            rules.tenant_monthly_usd,
        )
        return [None if each is None else int(each * 1_000_000) for each in usd]

    def price_of(self, model: str) -> PolicyPrice | None:
        """The entry named exactly like the model, else the longest pattern (`minilm-*`) that fits."""
        if exact := self.prices.get(model):
            return exact
        fitting = [name for name in self.prices if fnmatchcase(model, name)]
        return self.prices[max(fitting, key=len)] if fitting else None


@dataclass(frozen=True, slots=True)
class UnitPrices:
    """USD per million tokens of each kind, and USD per call."""

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
    purpose: Purpose = "chat"
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call. `input` counts cached ones too, `output` counts reasoning ones too."""

    input: int
    cached_input: int = 0
    output: int = 0
    reasoning: int = 0

    def __post_init__(self) -> None:
        if min(self.input, self.cached_input, self.output, self.reasoning) < 0:
            raise ValueError("a token count is never negative")
        if self.cached_input > self.input or self.reasoning > self.output:
            raise ValueError("cached tokens are part of the input, reasoning tokens are part of the output")

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.input + other.input,
            self.cached_input + other.cached_input,
            self.output + other.output,
            self.reasoning + other.reasoning,
        )

    @classmethod
    def reported(cls, input: int, cached_input: int = 0, output: int = 0, reasoning: int = 0) -> "Usage":
        """What a provider said, made consistent so that it is never charged too low."""
        input, cached_input, output, reasoning = (max(0, n) for n in (input, cached_input, output, reasoning))
        # Some providers count reasoning apart from the output instead of inside it.
        whole = output + reasoning if reasoning > output else output
        return cls(input, min(cached_input, input), whole, reasoning)


@dataclass(frozen=True, slots=True)
class Charge:
    """What one call cost: whole micro-dollars, rounded up, and everything needed to work it out again."""

    micro_usd: int
    model: str
    provider: str
    usage: Usage
    prices: UnitPrices
    price_table: str


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
class Total:
    """What one day, feature, model, release or environment cost."""

    key: str
    calls: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    micro_usd: int


@dataclass(frozen=True, slots=True)
class Totals:
    since: date
    until: date
    time_zone: str
    total: Total
    by_day: tuple[Total, ...]
    by_feature: tuple[Total, ...]
    by_model: tuple[Total, ...]
    by_release: tuple[Total, ...]
    by_environment: tuple[Total, ...]


@lru_cache(maxsize=512)
def _pico(prices: UnitPrices) -> tuple[int, int, int, int]:
    scaled = (prices.input, prices.cached_input, prices.output, prices.call * 1_000_000)
    return tuple(int(price * PICO) for price in scaled)  # type: ignore[return-value]


def micro_usd(usage: Usage, prices: UnitPrices) -> int:
    """Exact, in integers, rounded up to the next whole micro-dollar."""
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
        """The table that a release was made with. Errors: BadPrice, wherever it came from."""
        try:
            table = cls(_read_price(each) for each in json.loads(canonical).values())
        except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
            raise BadPrice("A stored price table cannot be read; go to a release that has another one.") from error
        for price in table.models:
            check_price(price, "the stored price table", chat=False)
        return table

    def check_writers(self, models: Iterable[str]) -> None:
        """Errors: BadPrice, when one of them has no price, or writes for nothing."""
        for model in models:
            if (known := self._prices.get(model)) is None:
                raise BadPrice(f"The stored price table has no price for '{model}'; go to a release that has one.")
            check_price(known, "the stored price table", chat=True)

    @property
    def models(self) -> Sequence[ModelPrice]:
        return tuple(self._prices[name] for name in sorted(self._prices))

    def worst(self, model: str, usage: Usage) -> int:
        """The most that a call of at most these tokens can cost, in micro-dollars. Errors: ModelUnpriced."""
        if (known := self._prices.get(model)) is None:
            raise ModelUnpriced(f"There is no price for the model '{model}'.")
        return max(micro_usd(usage, _dearest(tier.prices)) for tier in known.tiers)

    def charge(self, model: str, usage: Usage) -> Charge:
        """What these tokens cost. Raises ModelUnpriced for a model that the table does not know."""
        if (known := self._prices.get(model)) is None:
            raise ModelUnpriced(f"There is no price for the model '{model}'.")
        prices = known.at(usage.input)
        return Charge(micro_usd(usage, prices), model, known.provider, usage, prices, self.digest)


@lru_cache(maxsize=512)
def _dearest(prices: UnitPrices) -> UnitPrices:
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


WHERE = {"policy": "policies/cost.yaml", "list": "the bundled price list"}


def check_price(price: ModelPrice, where: str, *, chat: bool) -> None:
    """chat: a model that writes must have a price for that. Errors: BadPrice, for one that cannot be right."""
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
    return price.is_finite() and 0 <= price * PICO <= MOST and price * PICO % 1 == 0


def _plausible(kind: str, price: Decimal, model: str, where: str) -> None:
    if price.is_finite() and price == 0:
        raise BadPrice(
            f"The {kind} price of '{model}' in {where} is 0; write its price in USD per million tokens, or "
            "'local: true' in policies/cost.yaml if it runs on your own machines."
        )
    if not price.is_finite() or not LOWEST <= price <= HIGHEST or price * PICO % 1:
        raise BadPrice(
            f"The {kind} price of '{model}' in {where} is {price} USD per million tokens, outside "
            f"{LOWEST} to {HIGHEST}; check the unit and correct it in policies/cost.yaml."
        )
