"""Cards of every network, accounts of many countries, addresses of crypto-currencies: each by its checksum."""

from random import Random

import pytest
from stdnum import luhn

from app.safety.domain.personal_data.detection import PersonalDataDetector
from benchmarks.personal_data_rows import CARDS, IBANS, MORE_CARDS, iban

DETECTOR = PersonalDataDetector(kinds=("card", "iban", "crypto_address"))


def found(text: str) -> list[tuple[str, str]]:
    return [(each.kind, text[each.start : each.end]) for each in DETECTOR.find(text)]


@pytest.mark.parametrize(("prefix", "length"), CARDS + MORE_CARDS)
def test_a_card_of_each_network_is_found_and_with_one_wrong_digit_it_is_not(prefix: str, length: int) -> None:
    body = prefix + "3141592653589793238"[: length - len(prefix) - 1]
    number = body + luhn.calc_check_digit(body)
    assert found(f"My card {number} expires soon.") == [("card", number)]
    wrong = body + str((int(number[-1]) + 1) % 10)
    assert found(f"My card {wrong} expires soon.") == []


@pytest.mark.parametrize("length", [12, 13])
def test_a_short_number_is_a_card_only_beside_a_word_for_it(length: int) -> None:
    body = ("50" if length == 12 else "4") + "18542876193"[: length - (3 if length == 12 else 2)]
    number = body + luhn.calc_check_digit(body)
    assert found(f"It says {number} here.") == []
    assert found(f"Karte {number}") == [("card", number)]


@pytest.mark.parametrize("word", ["Order", "Bestellnummer", "tracking", "IMEI", "transaction", "commande"])
def test_a_number_that_is_called_something_else_is_no_card(word: str) -> None:
    assert found(f"{word} 4111111111111111") == []


@pytest.mark.parametrize("country", IBANS)
def test_an_account_is_found_whole_and_with_one_wrong_digit_it_is_not(country: str) -> None:
    number = iban(country, Random(3))
    assert found(f"Pay to {number} BIC ABCDEFGH by Monday") == [("iban", number)]
    assert found(f"Pay to {number[:2]}00{number[4:]} by Monday") == []


@pytest.mark.parametrize(
    "address",
    [
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5",
        "0x5290840009852788",
        "3" * 34,
    ],
)
def test_an_address_with_a_wrong_checksum_or_length_is_none(address: str) -> None:
    assert found(f"send it to {address} today") == []


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "a valid Bitcoin checksum"),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "a valid Bitcoin checksum"),
        ("0x52908400098527886E0F7030069857D2E4169EE7", "the form of an Ethereum address"),
        ("LKDyUEtTR1HXamkiEphisSiBJu6o3ZPE34", "a valid Base58 checksum"),
    ],
)
def test_an_address_of_each_currency_is_found_and_says_why(address: str, why: str) -> None:
    [only] = DETECTOR.find(f"send it to {address} today")
    assert (only.kind, only.why, only.end - only.start) == ("crypto_address", why, len(address))


def test_a_card_is_known_by_its_network_or_by_a_word_for_it() -> None:
    [visa] = DETECTOR.find("It says 4111111111111111 here.")
    assert visa.why == "visa, with a valid checksum"
    of_nobody = "1111111111111" + "000"
    of_nobody = of_nobody[:-1] + luhn.calc_check_digit(of_nobody[:-1])
    assert found(f"It says {of_nobody} here.") == []
    assert found(f"My card {of_nobody} expires soon.") == [("card", of_nobody)]
    assert found("My card 0000000000000000 expires soon.") == []


def test_an_account_ends_where_its_number_does_and_is_none_where_it_goes_on_or_is_too_short() -> None:
    number = "DE89370400440532013000"
    assert found(f"Pay to {number}") == [("iban", number)]
    for wrong in (f"{number}ABC", f"{number}_a", number[:14]):
        assert found(f"Pay to {wrong} now") == []
