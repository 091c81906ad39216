"""Values in the bodies of requests have the type that the OpenAPI document says: nothing is guessed."""

from decimal import Decimal
from typing import Annotated

import pytest
from pydantic import BaseModel, Field, ValidationError

from app.core.json_types import Boolean, Integer, Number, decimal_of


class Sent(BaseModel):
    count: Integer | None = Field(None, ge=1, le=9)
    share: Number | None = None
    on: Boolean | None = None
    usd: Annotated[Decimal, decimal_of(2), Field(ge=0, le=1000)] | None = None


@pytest.mark.parametrize(("sent", "read"), [(3, 3), (3.0, 3), (None, None)])
def test_an_integer_may_be_written_with_a_zero_behind_the_point(sent: object, read: object) -> None:
    assert Sent.model_validate({"count": sent}).count == read


@pytest.mark.parametrize(
    "sent",
    [
        *({"count": each} for each in (True, "3", 3.5, [3], 0, 10, 1e300)),
        *({"share": each} for each in (True, "0.5", [0.5])),
        *({"on": each} for each in (0, 1, "true", "on", 1.0)),
        *(
            {"usd": each}
            for each in (True, "", "1e2", "-1", "1.005", " 1", "1001", 1001, 1e300, 10**400, -0.01, float("inf"))
        ),
    ],
)
def test_a_value_of_another_type_is_refused(sent: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Sent.model_validate(sent)


@pytest.mark.parametrize(
    ("sent", "read"), [(1, "1"), (0.1, "0.1"), (0.1 + 0.2, "0.3"), (5e-324, "0"), ("12.50", "12.5"), (1000, "1000")]
)
def test_an_amount_is_a_number_or_its_text_to_so_many_places(sent: object, read: str) -> None:
    assert Sent.model_validate({"usd": sent}).usd == Decimal(read)
