"""JSON as Python holds it, and the types of values in the bodies of requests."""

import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, Strict
from pydantic_core import PydanticCustomError

JsonValue: TypeAlias = "str | int | float | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
JsonObject: TypeAlias = Mapping[str, JsonValue]

LARGEST_ROUNDED = Decimal(10) ** 15
"""Larger numbers are refused by the limits of the fields."""


def _integer(sent: object) -> object:
    if isinstance(sent, int | float) and not isinstance(sent, bool):
        return sent
    raise PydanticCustomError("int_type", "Input should be a valid integer")


Integer = Annotated[int, BeforeValidator(_integer)]
"""An integer of JSON, which may be written as 1.0. Texts and booleans are refused."""


def decimal_of(places: int) -> BeforeValidator:
    """Reads a number, rounded to so many decimal places, as few decimals are exact in binary; or a text that has no
    more of them. Other texts and booleans are refused.
    """
    text, unit = re.compile(rf"\d{{1,20}}(\.\d{{1,{places}}})?", re.ASCII), Decimal(1).scaleb(-places)

    def read(sent: object) -> object:
        if isinstance(sent, Decimal) or (isinstance(sent, str) and text.fullmatch(sent)):
            return sent
        whole = isinstance(sent, int) and not isinstance(sent, bool)
        if whole or (isinstance(sent, float) and math.isfinite(sent)):
            exact = Decimal(str(sent))
            return exact.quantize(unit) if abs(exact) < LARGEST_ROUNDED else exact
        message = f"Input should be a number, or a text such as 12.5 with at most {places} decimal places"
        raise PydanticCustomError("decimal_type", "{message}", {"message": message})

    return BeforeValidator(read)


Number = Annotated[float, Strict()]
"""A number of JSON. Texts and booleans are refused."""

Boolean = Annotated[bool, Strict()]
"""A boolean of JSON. Texts and numbers are refused."""
