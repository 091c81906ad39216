from decimal import Decimal
from typing import Any

import pytest

from app.costs.domain import BadPrice, PriceTable
from app.costs.domain.price_selection import select_price
from tests.costs.test_prices import CHAT, flat, policy, stored


@pytest.mark.parametrize(
    ("changes", "good"),
    [
        ({"source": "ceiling", "input": "0", "cached_input": "0", "output": "0", "call": "0.02"}, True),
        ({"source": "ceiling", "input": "0", "cached_input": "0", "output": "0", "call": "1000000"}, True),
        ({"source": "ceiling", "input": "0", "cached_input": "0", "output": "0", "call": "1000000.1"}, False),
        ({"source": "ceiling", "input": "0", "cached_input": "0", "output": "0", "call": "0.0000000000001"}, False),
        ({"source": "ceiling", "input": "0", "cached_input": "0", "output": "0", "call": "0"}, False),
        ({"source": "local", "input": "0", "cached_input": "0", "output": "0", "call": "0"}, True),
        ({"input": "0.0005", "output": "2000"}, True),
        ({"input": "0.000500000001"}, True),
        ({"input": "0.0004", "output": "2000"}, False),
        ({"input": "0.0005", "output": "2000.1"}, False),
        ({"output": "0"}, True),
        ({"call": "0.0000000000001"}, False),
    ],
)
def test_a_stored_price_is_believed_within_its_bounds(changes: dict[str, Any], good: bool) -> None:
    if good:
        assert PriceTable.read(stored(**changes)).models
    else:
        with pytest.raises(BadPrice):
            PriceTable.read(stored(**changes))


@pytest.mark.parametrize(
    ("times", "good"), [("99", True), ("100", False), ("101", False), ("0.011", True), ("0.01", False)]
)
def test_a_price_of_the_policy_is_less_than_a_hundred_times_off_that_of_the_list(times: str, good: bool) -> None:
    said = {"some-model": {"input": str(Decimal("0.15") * Decimal(times)), "output": "0.6"}}
    if good:
        assert select_price(CHAT, policy(**said), flat("0.15", "0.075", "0.60")).source == "policy"
    else:
        with pytest.raises(BadPrice, match="price of a million tokens"):
            select_price(CHAT, policy(**said), flat("0.15", "0.075", "0.60"))
