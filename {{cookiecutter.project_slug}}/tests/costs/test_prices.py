import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.adapters.prices import BundledPrices
from app.core.clock import ManualClock
from app.core.errors import StartRefused
from app.core.policies import load_policies
from app.costs.domain import (
    BadPrice,
    CostPolicy,
    ModelPrice,
    ModelUnpriced,
    PricedModel,
    PriceTable,
    Tier,
    UnitPrices,
    Usage,
)
from app.costs.domain.policy import PolicyPrice
from app.costs.domain.price_selection import check_against_last_good, select_price
from app.costs.domain.prices import FREE, micro_usd
from app.costs.service import make_price_table

CHAT = PricedModel("some-model", "some-provider")
EMBEDDING = PricedModel("some-embedder", "some-provider", "embedding")
TODAY = datetime(2026, 11, 22, tzinfo=UTC)

prices = st.decimals(0, 2000, places=6, allow_nan=False, allow_infinity=False)
tokens = st.integers(0, 10**9)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    read, written = draw(tokens), draw(tokens)
    return Usage(read, draw(st.integers(0, read)), written, draw(st.integers(0, written)))


def policy(**listed: dict[str, object]) -> CostPolicy:
    return CostPolicy(owner="someone", monthly_budget_usd=Decimal(100), prices=listed)  # type: ignore[arg-type]


def flat(read: str, cached: str, written: str) -> ModelPrice:
    unit = UnitPrices(Decimal(read), Decimal(cached), Decimal(written))
    return ModelPrice("some-model", "some-provider", "list", (Tier(0, unit),))


class Listed:
    """A price list of one entry, for models of any name."""

    def __init__(self, price: ModelPrice | None) -> None:
        self.price = price
        self.asked: list[str] = []

    def find(self, wanted: PricedModel, at: datetime) -> ModelPrice | None:
        self.asked.append(wanted.model)
        return self.price


@given(usages(), prices, prices, prices)
def test_a_charge_is_the_exact_sum_rounded_up_to_a_whole_micro_dollar(
    usage: Usage, read: Decimal, cached: Decimal, written: Decimal
) -> None:
    exact = (usage.input - usage.cached_input) * read + usage.cached_input * cached + usage.output * written
    expected = int(exact.to_integral_value(ROUND_CEILING))
    assert micro_usd(usage, UnitPrices(read, cached, written)) == expected


@given(usages(), usages(), prices, prices)
def test_more_tokens_never_cost_less(one: Usage, more: Usage, read: Decimal, written: Decimal) -> None:
    unit = UnitPrices(read, read, written)
    both = Usage(one.input + more.input, 0, one.output + more.output)
    assert micro_usd(both, unit) >= max(micro_usd(one, unit), micro_usd(more, unit))


@given(st.integers(-10, 10**6), st.integers(-10, 10**6), st.integers(-10, 10**6), st.integers(-10, 10**6))
def test_a_provider_that_counts_strangely_is_never_charged_less_than_its_output(
    read: int, cached: int, written: int, reasoning: int
) -> None:
    usage = Usage.reported(read, cached, written, reasoning)
    assert usage.cached_input <= usage.input
    assert usage.output >= max(0, written, reasoning)


def test_a_million_tokens_cost_the_listed_price() -> None:
    table = PriceTable([flat("0.15", "0.075", "0.60")])
    charge = table.charge("some-model", Usage(1_000_000, 400_000, 1_000_000))
    assert charge.micro_usd == 90_000 + 30_000 + 600_000
    assert charge.price_table == table.digest


def test_the_smallest_use_costs_one_micro_dollar_and_none_costs_nothing() -> None:
    unit = UnitPrices(Decimal("0.01"), Decimal("0.01"), Decimal("0.01"))
    assert micro_usd(Usage(1), unit) == 1
    assert micro_usd(Usage(0), unit) == 0


def test_a_long_call_is_charged_at_the_price_of_its_tier() -> None:
    short, long = UnitPrices(*[Decimal(1)] * 3), UnitPrices(*[Decimal(2)] * 3)
    table = PriceTable([ModelPrice("m", "p", "list", (Tier(0, short), Tier(200_000, long)))])
    assert table.charge("m", Usage(200_000)).micro_usd == 200_000
    assert table.charge("m", Usage(200_001)).micro_usd == 400_002


def test_the_digest_follows_the_prices_and_nothing_else() -> None:
    one = PriceTable([flat("0.15", "0.075", "0.60")])
    same = PriceTable([flat("0.150", "0.0750", "0.6")])
    other = PriceTable([flat("0.16", "0.075", "0.60")])
    assert one.digest == same.digest != other.digest


def test_a_model_without_a_price_is_refused_when_asked_for_and_at_the_start() -> None:
    with pytest.raises(ModelUnpriced, match="some-model"):
        PriceTable([]).charge("some-model", Usage(1))
    with pytest.raises(StartRefused, match=r"some-model.*policies/cost\.yaml"):
        make_price_table(policy(), [CHAT], Listed(None), ManualClock())


def test_the_policy_overrides_the_list() -> None:
    said = {"input": 0.3, "output": 1.2}
    price = select_price(CHAT, policy(**{"some-model": said}), flat("0.15", "0.075", "0.60"))
    assert price.source == "policy"
    assert price.at(0) == UnitPrices(Decimal("0.3"), Decimal("0.3"), Decimal("1.2"))


def test_a_local_model_costs_nothing_and_the_list_is_not_even_opened() -> None:
    listed = Listed(None)
    table = make_price_table(policy(**{"some-*": {"local": True}}), [CHAT, EMBEDDING], listed, ManualClock())
    assert table.charge("some-model", Usage(10, 0, 10)).prices == FREE
    assert listed.asked == []


def test_a_model_with_a_ceiling_is_charged_the_ceiling_for_every_call() -> None:
    table = make_price_table(
        policy(**{"some-model": {"ceiling_usd_per_call": "0.02"}}), [CHAT], Listed(None), ManualClock()
    )
    assert table.charge("some-model", Usage(0)).micro_usd == 20_000
    assert table.charge("some-model", Usage(10**6, 10**5, 10**6)).micro_usd == 20_000


def test_the_longest_fitting_pattern_decides_and_an_exact_name_before_it() -> None:
    said = policy(
        **{
            "qwen*": {"local": True},
            "qwen3-*": {"input": 1, "output": 2},
            "qwen3-x": {"input": 3, "output": 4},
        }
    )
    assert said.price_of("qwen2") == PolicyPrice(local=True)
    assert said.price_of("qwen3-8b") == PolicyPrice(input=1, output=2)  # type: ignore[arg-type]
    assert said.price_of("qwen3-x") == PolicyPrice(input=3, output=4)  # type: ignore[arg-type]
    assert said.price_of("gpt") is None


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"input": 0, "output": 1}, "input price of 'some-model' in policies/cost.yaml is 0"),
        ({"input": 1, "output": 0}, "output price of 'some-model' in policies/cost.yaml is 0"),
        ({"input": 1}, "no output price"),
        ({"input": 0.00000015, "output": 0.6}, "check the unit"),
        ({"input": 5000, "output": 6000}, "check the unit"),
        ({"input": 150, "output": 600}, "price of a million tokens"),
        ({"input": 0.15, "output": 0.0006}, "price of a million tokens"),
        ({"ceiling_usd_per_call": 0}, "ceiling of 0"),
    ],
)
def test_a_price_that_cannot_be_right_is_refused(said: dict[str, object], reason: str) -> None:
    with pytest.raises(BadPrice, match=reason):
        select_price(CHAT, policy(**{"some-model": said}), flat("0.15", "0.075", "0.60"))


def test_a_listed_price_of_zero_is_refused_too() -> None:
    with pytest.raises(BadPrice, match="local: true"):
        select_price(CHAT, policy(), flat("0", "0", "0"))


def test_an_embedding_needs_no_output_price() -> None:
    price = select_price(EMBEDDING, policy(**{"some-embedder": {"input": 0.02}}), None)
    assert price.at(0).input == Decimal("0.02")


@pytest.mark.parametrize(
    "said",
    [
        {"input": -0.15, "output": 0.6},
        {"input": float("nan"), "output": 0.6},
        {"input": float("inf"), "output": 0.6},
        {"input": 0.15, "output": 0.6, "local": True},
        {"input": 0.15, "ceiling_usd_per_call": 1},
        {"inptu": 0.15},
        {},
    ],
)
def test_a_malformed_entry_is_refused_by_the_policy(said: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        policy(**{"some-model": said})


def test_a_bad_policy_file_is_refused_in_one_sentence_that_names_file_and_field(tmp_path: Path) -> None:
    bad = "owner: someone\nmonthly_budget_usd: 10\nprices:\n  m:\n    input: .nan\n    output: 1\n"
    (tmp_path / "cost.yaml").write_text(bad)
    with pytest.raises(StartRefused, match=r"cost\.yaml: prices\.m\.input: "):
        load_policies(tmp_path, {"cost": CostPolicy})


def test_an_unknown_time_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="not a time zone"):
        CostPolicy(owner="someone", monthly_budget_usd=Decimal(1), time_zone="Mars/Olympus")


@pytest.mark.slow
def test_every_price_of_the_bundled_list_can_be_turned_into_whole_micro_dollars() -> None:
    from genai_prices.data_snapshot import get_snapshot

    refused, checked = [], 0
    for provider in get_snapshot().providers:
        for model in provider.models:
            wanted = PricedModel(model.id, provider.id, "embedding")
            found = BundledPrices().find(wanted, TODAY)
            if found is None:
                continue
            checked += 1
            try:
                select_price(wanted, policy(), found)
            except BadPrice as bad:
                refused.append(bad)
            else:
                assert micro_usd(Usage(1_000_000), found.at(0)) >= 500
    assert checked > 2000
    assert all("is 0;" in str(bad) for bad in refused)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (PricedModel("gpt-4o-mini", "openai"), ("0.15", "0.075", "0.6")),
        (
            PricedModel("gpt-4o-mini", "my-gateway", address="http://gateway.internal/v1"),
            ("0.15", "0.075", "0.6"),
        ),
        (PricedModel("text-embedding-3-small", "openai", "embedding"), ("0.02", "0.02", "0")),
        (
            PricedModel("text-embedding-3-large", "x", "embedding", "https://api.openai.com/v1"),
            ("0.13", "0.13", "0"),
        ),
    ],
)
def test_the_bundled_list_knows_common_models(wanted: PricedModel, expected: tuple[str, str, str]) -> None:
    found = BundledPrices().find(wanted, TODAY)
    assert found is not None
    assert found.at(0) == UnitPrices(*(Decimal(price) for price in expected))


def test_the_bundled_list_says_none_for_a_model_it_does_not_know() -> None:
    assert BundledPrices().find(PricedModel("nobody-has-heard-of-it", "nobody"), TODAY) is None


def test_a_price_that_changes_with_the_hour_is_the_highest_of_the_day() -> None:
    from genai_prices import types

    hours = [
        p.prices.input_mtok
        for provider in __import__("genai_prices.data", fromlist=["providers"]).providers
        if provider.id == "deepseek"
        for model in provider.models
        if model.id == "deepseek-v4-flash"
        for p in model.prices
        if isinstance(p.constraint, types.TimeOfDateConstraint)
    ]
    found = BundledPrices().find(PricedModel("deepseek-v4-flash", "deepseek"), TODAY)
    assert found is not None
    assert found.at(0).input >= max(hours)


def stored(**changes: Any) -> bytes:
    """A release's price table of one model, with something changed in it."""
    table = json.loads(PriceTable([flat("0.15", "0.075", "0.60")]).canonical)
    entry = table["some-model"]
    entry["tiers"][0]["prices"] |= {
        name: value for name, value in changes.items() if name in entry["tiers"][0]["prices"]
    }
    entry |= {name: value for name, value in changes.items() if name in entry}
    return json.dumps(table).encode()


def test_a_stored_table_is_read_as_it_was() -> None:
    assert json.loads(PriceTable.read(stored()).canonical) == json.loads(stored())


@pytest.mark.parametrize(
    "changes",
    [
        {"input": "0"},
        {"output": "-0.6"},
        {"input": "NaN"},
        {"cached_input": "Infinity"},
        {"cached_input": "-1"},
        {"input": "150000"},
        {"input": "0.00000015"},
        {"call": "-1"},
        {"input": None},
        {"tiers": []},
        {"source": "local"},
    ],
)
def test_a_stored_table_is_not_believed_either(changes: dict[str, Any]) -> None:
    with pytest.raises(BadPrice):
        PriceTable.read(stored(**changes))


def test_what_is_no_table_is_refused() -> None:
    for content in (b"", b"[]", b"7", b'{"a": 1}', b"\xff"):
        with pytest.raises(BadPrice):
            PriceTable.read(content)


def test_a_model_that_writes_has_a_price_for_it() -> None:
    table = PriceTable.read(stored(output="0"))
    with pytest.raises(BadPrice, match="output price"):
        table.check_chat_models(["some-model"])
    with pytest.raises(BadPrice, match="no price for 'another'"):
        table.check_chat_models(["another"])


@pytest.mark.parametrize(("times", "good"), [("499", True), ("501", False), ("0.01", True), ("0.001", False)])
def test_a_price_far_from_that_of_the_live_release_is_refused(times: str, good: bool) -> None:
    live = PriceTable([flat("1", "1", "4")])
    new = PriceTable([flat("1", "1", str(Decimal(4) * Decimal(times)))])
    if good:
        check_against_last_good(new, live)
    else:
        with pytest.raises(BadPrice, match="the live release says 4"):
            check_against_last_good(new, live)


def test_a_price_of_the_policy_is_compared_with_that_of_the_list_before_it() -> None:
    far = replace(flat("1", "1", "4000"), source="policy")
    with pytest.raises(BadPrice, match="the live release says 4"):
        check_against_last_good(PriceTable([far]), PriceTable([flat("1", "1", "4")]))
    check_against_last_good(PriceTable([far]), PriceTable([]))


def test_the_price_of_cached_input_is_that_of_the_policy() -> None:
    said = {"input": "0.2", "cached_input": "0.05", "output": "1"}
    price = select_price(CHAT, policy(**{"some-model": said}), flat("0.15", "0.075", "0"))
    assert price.at(0) == UnitPrices(Decimal("0.2"), Decimal("0.05"), Decimal(1))


def test_what_becomes_local_or_gets_a_ceiling_is_not_compared() -> None:
    local = ModelPrice("some-model", "us", "local", (Tier(0, FREE),))
    check_against_last_good(PriceTable([local]), PriceTable([flat("1", "1", "4")]))
    check_against_last_good(PriceTable([flat("1", "1", "4")]), PriceTable([local]))


def test_the_most_that_a_call_can_cost_is_that_of_its_dearest_tier_without_a_discount() -> None:
    dear, cheap = UnitPrices(Decimal(3), Decimal(1), Decimal(0)), UnitPrices(Decimal(2), Decimal(5), Decimal(0))
    one, other = Tier(0, dear), Tier(100, cheap)
    for tiers, most in (((one, other), 50), ((other, one), 50), ((one,), 30), ((Tier(0, FREE),), 0)):
        assert PriceTable([ModelPrice("m", "p", "list", tiers)]).max_cost("m", Usage(10)) == most
    uncached = UnitPrices(Decimal(3), Decimal(0), Decimal(0))
    assert PriceTable([ModelPrice("m", "p", "list", (Tier(0, uncached),))]).max_cost("m", Usage(10)) == 30
    with pytest.raises(ModelUnpriced):
        PriceTable([]).max_cost("m", Usage(1))
