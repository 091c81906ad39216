from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class SigningSecret:
    """What signs exported releases; asked for only when it is needed, because most deployments never are."""

    value: Callable[[], bytes]
