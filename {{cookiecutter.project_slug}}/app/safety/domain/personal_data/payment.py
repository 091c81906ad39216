"""Means of payment: cards, bank accounts, addresses of crypto-currencies. Each has a checksum."""

import re
from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256

from app.safety.domain.personal_data import context
from app.safety.domain.personal_data.findings import PersonalData

_DIGITS = re.compile(
    r"(?<!(?a:[\w.+]))(?<!\d[-,])\d(?:\d{11,18}|\d{2,5}(?:([ \u00a0-])\d{2,7})(?:\1\d{2,7}){1,4})(?!(?a:\w)|[.,-]\d)"
)
_SEPARATOR = re.compile(r"[ \u00a0-]")
_NETWORKS: tuple[tuple[str, str, frozenset[int]], ...] = (
    ("visa", "4", frozenset({13, 16, 19})),
    ("mastercard", r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", frozenset({16})),
    ("american express", "3[47]", frozenset({15})),
    ("diners club", r"30[0-59]|3[689]", frozenset({14, 16, 19})),
    ("discover", r"6011|64[4-9]|65", frozenset({16, 19})),
    ("jcb", r"35(?:2[89]|[3-8])", frozenset({16, 17, 18, 19})),
    ("jcb", r"2131|1800", frozenset({15})),
    ("maestro", r"50[1-9]|5[6-8]|6(?:304|390|7)|0604", frozenset(range(12, 20))),
    ("unionpay", "62|81", frozenset({16, 17, 18, 19})),
    ("mir", "220[0-4]", frozenset({16, 17, 18, 19})),
    ("rupay", "60|82|508", frozenset({16})),
    ("troy", "9792", frozenset({16})),
)
_PREFIXES = [(name, re.compile(prefix), lengths) for name, prefix, lengths in _NETWORKS]
_NEEDS_WORD = 13
"""Digits up to which a number is a card only beside a word for one: so many ordinary numbers have a valid checksum."""

_IBAN = re.compile(
    r"(?<!(?a:\w))[A-Z]{2}\d{2}(?:[ \u00a0-]?[A-Z0-9]{2,4}){2,8}(?:[ \u00a0-]?[A-Z0-9]{1,3})?", re.IGNORECASE
)
_COUNTRY_CODE = re.compile(r"(?<!(?a:\w))[A-Z]{2}\d{2}", re.IGNORECASE)
_WALLET = re.compile(r"(?<![\w/=+])(?:bc1|BC1|0x|[13LMDTX])[A-Za-z0-9]{25,87}(?![\w/=+])")
_ETHEREUM = re.compile(r"0x[0-9a-fA-F]{40}")
_BASE58 = re.compile(r"[LMDTX][1-9A-HJ-NP-Za-km-z]{33}")
_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class CardDetector:
    def find(self, text: str) -> Iterator[PersonalData]:
        for match in _DIGITS.finditer(text):
            digits = _SEPARATOR.sub("", match[0])
            if 12 <= len(digits) <= 19 and _luhn(digits):
                network = _network(digits)
                if network and len(digits) > _NEEDS_WORD and not _is_named_otherwise(text, match.start()):
                    yield PersonalData("card", match.start(), match.end(), why=f"{network}, with a valid checksum")
                elif self._is_called_card(text, match.start(), match.end()):
                    yield PersonalData("card", match.start(), match.end(), why="a word for it, and a valid checksum")

    def _is_called_card(self, text: str, start: int, end: int) -> bool:
        if context.closer(context.CARD, text, start):
            return True
        return not _is_named_otherwise(text, start) and bool(context.CARD.search(text, end, end + context.AFTER))


class IbanDetector:
    """International bank account numbers, with the length and checksum of their country."""

    def find(self, text: str) -> Iterator[PersonalData]:
        for start in (match.start() for match in _COUNTRY_CODE.finditer(text)):
            match = _IBAN.match(text, start)
            length = _iban_length(match[0][:2].upper()) if match else None
            if match and length and (end := _end_of(match[0], length)):
                written = match[0][:end]
                after = text[start + end : start + end + 1]
                if not (after.isascii() and (after.isalnum() or after == "_")) and _is_iban(written):
                    country = written[:2].upper()
                    yield PersonalData("iban", start, start + end, country, "the length and checksum of its country")


class CryptoAddressDetector:
    def find(self, text: str) -> Iterator[PersonalData]:
        for match in _WALLET.finditer(text):
            if why := self._reason(match[0]):
                yield PersonalData("crypto_address", match.start(), match.end(), why=why)

    def _reason(self, address: str) -> str | None:
        if _ETHEREUM.fullmatch(address):
            return "the form of an Ethereum address"
        if _BASE58.fullmatch(address):
            return "a valid Base58 checksum" if _base58_checked(address) else None
        return "a valid Bitcoin checksum" if _is_bitcoin(address) else None


def _is_named_otherwise(text: str, start: int) -> bool:
    return context.last_before(context.ORDINARY, text, start, reach=24) >= 0


def _network(digits: str) -> str | None:
    fits = (name for name, prefix, lengths in _PREFIXES if len(digits) in lengths and prefix.match(digits))
    return next(fits, None)


def _luhn(digits: str) -> bool:
    from stdnum import luhn

    return len(set(digits)) > 1 and bool(luhn.is_valid(digits))


@lru_cache(maxsize=512)
def _iban_length(country: str) -> int | None:
    """By the registry that python-stdnum carries; None for a country without IBANs."""
    from stdnum import numdb

    parts = numdb.get("iban").info(country)
    bban = parts[0][1].get("bban", "") if parts else ""
    return 4 + sum(map(int, re.findall(r"(\d+)!", bban))) if bban else None


def _end_of(written: str, length: int) -> int:
    """Where the first `length` letters and digits end; 0 when there are fewer."""
    seen = 0
    for at, each in enumerate(written, 1):
        seen += each.isalnum()
        if seen == length:
            return at
    return 0


def _is_iban(written: str) -> bool:
    from stdnum import iban

    return bool(iban.is_valid(written.replace("\u00a0", " "), check_country=False))


def _is_bitcoin(address: str) -> bool:
    from stdnum import bitcoin

    return bool(bitcoin.is_valid(address))


def _base58_checked(address: str) -> bool:
    value = 0
    for each in address:
        value = value * 58 + _ALPHABET.index(each)
    if value >> 200:
        return False
    raw = value.to_bytes(25, "big")
    return sha256(sha256(raw[:-4]).digest()).digest()[:4] == raw[-4:]
