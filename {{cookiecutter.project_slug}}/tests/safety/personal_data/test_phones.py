"""Telephone numbers of many countries, as they are written there and from abroad."""

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from app.safety.domain.personal_data.detection import PersonalDataDetector
from app.safety.domain.personal_data.national_id_rules import COUNTRIES

DETECTOR = PersonalDataDetector(kinds=("phone",))
KINDS = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE)


def examples(country: str, form: int) -> list[str]:
    numbers = [phonenumbers.example_number_for_type(country, kind) for kind in KINDS]
    return [phonenumbers.format_number(number, form) for number in numbers]


def found(text: str) -> list[str]:
    return [text[each.start : each.end] for each in DETECTOR.find(text)]


@pytest.mark.parametrize("country", COUNTRIES)
def test_a_number_with_its_country_code_is_found_without_any_word(country: str) -> None:
    for form in (PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.E164):
        for number in examples(country, form):
            assert found(f"It was {number}, they said.") == [number]


@pytest.mark.parametrize("country", COUNTRIES)
def test_a_national_number_is_found_after_a_word_for_it(country: str) -> None:
    for number in examples(country, PhoneNumberFormat.NATIONAL):
        assert found(f"My phone is {number}.") == [number]


@pytest.mark.parametrize(
    "number", ["(212) 555-0854", "646-555-0455", "646.555.0455", "020 7946 0619", "(11) 96123-4567"]
)
def test_a_national_number_in_a_usual_form_needs_no_word(number: str) -> None:
    assert found(f"It was {number}, they said.") == [number]


@pytest.mark.parametrize(
    "text",
    [
        "Ticket 0171-39200532 is open.",
        "Order no. 646-555-0455 has shipped.",
        "Call the function at line 1234567.",
        "The phone has 12 345 678 users since 2024-01-31.",
        "Dial 911, or 112.",
        "+1.5 degrees and +12 points",
        "4111-2222-3333",
        "12:30-13:45, 2024/01/31",
    ],
)
def test_other_numbers_are_none(text: str) -> None:
    assert found(text) in ([], ["12 345 678"] if "phone" in text else [])


def test_an_extension_belongs_to_the_number() -> None:
    assert found("Call 541-714-1388 x682 or (541) 714-1388 ext. 7.") == ["541-714-1388 x682", "(541) 714-1388 ext. 7"]


def test_the_locale_is_the_country_of_the_number() -> None:
    texts = ("+49 30 2312 5414", "mobile 07400 123456", "Call (212) 555-0854")
    assert [DETECTOR.find(text)[0].locale for text in texts] == ["DE", "GB", "US"]
