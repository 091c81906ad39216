from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

Kind = Literal[
    "email",
    "phone",
    "card",
    "iban",
    "national_id",
    "passport",
    "driving_licence",
    "ip_address",
    "mac_address",
    "crypto_address",
    "date_of_birth",
    "url_user",
]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class PersonalData:
    """Personal data in a text, at [start:end]. locale: the country it belongs to, as an ISO code; empty where it has
    none. why: what it was recognised by. It never quotes the text.
    """

    kind: Kind
    start: int
    end: int
    locale: str = ""
    why: str = ""


class Detector(Protocol):
    """Finds some kinds of personal data in a text. Findings of one detector do not overlap."""

    def find(self, text: str) -> Iterator[PersonalData]: ...
