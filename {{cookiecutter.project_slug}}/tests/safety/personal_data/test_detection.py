"""What is found as personal data, and what ordinary numbers are left alone. All values are made up."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.safety.domain.personal_data.detection import PersonalDataDetector
from app.safety.domain.personal_data.findings import Kind, PersonalData
from app.safety.domain.personal_data.national_id_rules import COUNTRIES, RULES
from benchmarks.personal_data_rows import LOCALES, rows

DETECTOR = PersonalDataDetector()


def found(text: str) -> list[tuple[str, str]]:
    return [(each.kind, text[each.start : each.end]) for each in DETECTOR.find(text)]


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("email", "jane.doe+tag@post.acme.example", "Customer <{}> asked."),
        ("email", "o'hara@bücher.example", "Write to {}, please."),
        ("email", "a_b@xn--bcher-kva.museum", "user={} order=40636083"),
        ("url_user", "jane:hunter2", "clone https://{}@git.acme.example/x.git"),
        ("url_user", "jane-doe-1", "See https://www.linkedin.com/in/{} for more."),
        ("ip_address", "93.184.216.34", "client={} took 31ms"),
        ("ip_address", "2001:db8:1f::8a2e:370:7334", "from [{}]:443"),
        ("mac_address", "00:1A:2b:3c:4D:5e", "device {} joined"),
        ("mac_address", "001a.2b3c.4d5e", "device {} joined"),
        ("card", "4111 1111 1111 1111", "My card {} expires."),
        ("card", "2223000048400011", "{} was charged twice"),
        ("card", "3530111333300000", "paid with {}"),
        ("card", "6759649826438453", "paid with {}"),
        ("card", "501854287619", "My card {} is lost."),
        ("iban", "DE89370400440532013000", "IBAN {}, BIC COBADEFF"),
        ("iban", "GB82 WEST 1234 5698 7654 32", "Pay to {} by Monday."),
        ("iban", "MT84MALT011000012345MTLCAST001S", "an {}."),
        ("iban", "NO9386011117947", "konto {}"),
        ("crypto_address", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "send it to {} today"),
        ("crypto_address", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "send it to {} today"),
        ("crypto_address", "0x52908400098527886E0F7030069857D2E4169EE7", "send it to {} today"),
        ("phone", "+16175550543", "call me at {}."),
        ("phone", "(212) 555-0854", "Ask for Joe: {}."),
        ("phone", "+46 (0)8 928 571 38", "{} fax"),
        ("phone", "001-518-640-0854x682", "mobile {}"),
        ("phone", "699 956 915", "stop receiving messages to {}"),
        ("phone", "0171 39200532", "rufen Sie mich unter {} zurück"),
        ("phone", "15346185089", "我的电话是{}。"),
        ("phone", "090-1590-4584", "電話番号は{}です"),
        ("phone", "781 1704", "{} office"),
        ("national_id", "536-22-8726", "SSN on file {}."),
        ("national_id", "AZ564346C", "My NI number is {} I think."),
        ("national_id", "12345678Z", "Mi DNI es {} y"),
        ("national_id", "RSSMRA85T10A562S", "codice fiscale {}"),
        ("national_id", "2 55 08 14 168 025 38", "sécu {} ok"),
        ("national_id", "L01X00T47", "Personalausweisnummer: {}"),
        ("phone", "555 0142 778", "This is my new number: {}"),
        ("ip_address", "203.0.113.9", "blocked: {}-"),
        ("passport", "C01X00T47", "Reisepass Nr. {}"),
        ("passport", "533380006", "passport number is {}"),
        ("driving_licence", "MORGA657054SM9IJ", "driving licence {}"),
        ("date_of_birth", "6/24/1991", "Please tell me your date of birth. It's {}"),
        ("date_of_birth", "3. Mai 1974", "Er ist geboren am {} in Kiel."),
        ("date_of_birth", "14 de julio de 1980", "Nació el {}."),
    ],
)
def test_a_value_is_found_whole_and_with_its_kind(kind: str, value: str, text: str) -> None:
    assert found(text.format(value)) == [(kind, value)]


@pytest.mark.parametrize(
    "text",
    [
        "The release 3.11.4 of 2026-03-07T12:11:00Z fixes 12 issues; see 10.0.19041.",
        "Version 1.2.3.4, 127.0.0.1:8000, ::1, 0.0.0.0, mask 255.255.255.0, network 10.20.0.0/16.",
        "3.1.2.4 Installation\n#1.2.3.4 Use",
        "Build d16ca355-3897-433d-b532-e39ba7ac93ec of e51c6b36d6f3c9f0ac9056a4ad683cbf72124556.",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "Die Bestellnummer 4524706900592928 wurde storniert.",
        "Order 4634148396030623 shipped with tracking 1ZK2618O72O7BZU1DT.",
        "ISBN 978-3-16-148410-0 and 0-306-40615-2, EAN 4006381333931.",
        "It has 12 345 678 rows, 1.234.567 bytes and 3,141,592 cells; 0.000000 of 1e6.",
        "At 1717171717 and 1717171717171 it was 12:34:56; 20240131123456.",
        "lodash@3.4.4, @app.route, git@github.com:org/repo.git, logo@2x.png, user@localhost",
        "x[1::2], std::vector<int>, a::b, C++20",
        "postgresql://app_service:x@db.internal/app and https://user:pw@host.example",
        "The meeting is on 24 June 1991 and ends at 6/24/1991 or 2024-01-31.",
        "Part 269-IE-0809, lot 20240131, page 123-456, invoice 0171 39200532.",
        "The year 1984, 100 000 people, 50 % of 1234567 lines.",
    ],
)
def test_ordinary_numbers_and_code_are_no_personal_data(text: str) -> None:
    assert found(text) == []


def test_sixteen_locales_and_ordinary_sentences_are_told_apart_without_an_error() -> None:
    wrong = [
        row
        for row in rows(3, seed=11)
        if [(each.start, each.end, each.kind) for each in DETECTOR.find(row.text)] != list(row.spans)
    ]
    assert wrong == []
    assert len(LOCALES) == 16


def test_a_number_with_a_wrong_checksum_is_none() -> None:
    assert (
        found("My card 4111 1111 1111 1112 expires, IBAN DE89370400440532013001, DNI 12345678A, PESEL 44051401358.")
        == []
    )


def test_only_the_kinds_and_countries_of_the_policy_are_looked_for() -> None:
    text = "Mi DNI es 12345678Z y mi correo ana@acme.example."
    only_mail = PersonalDataDetector(kinds=("email",))
    assert [each.kind for each in only_mail.find(text)] == ["email"]
    elsewhere = PersonalDataDetector(countries=("DE",))
    assert [each.kind for each in elsewhere.find(text)] == ["email"]
    assert {each.kind for each in DETECTOR.find(text)} == {"email", "national_id"}


def test_every_check_of_a_national_number_exists_and_takes_any_text_of_its_forms() -> None:
    chance = random.Random(5)
    for rule in RULES:
        for form in rule.shapes:
            value = "".join(
                {"9": chance.choice("0123456789"), "A": chance.choice("ABCX")}.get(each, each) for each in form
            )
            assert len(found(f"{rule.words.split('|')[0]} {value}")) <= 2
    assert len(COUNTRIES) >= 40


@dataclass(frozen=True)
class Places:
    """A detector that finds what it is told to."""

    places: tuple[tuple[Kind, int, int], ...]

    def find(self, text: str) -> Iterator[PersonalData]:
        return (PersonalData(*each, why="told") for each in self.places)


def placed(text: str, *places: tuple[Kind, int, int]) -> list[tuple[str, int, int]]:
    """What is left of these findings, each by a detector of its own."""
    detector = PersonalDataDetector()
    object.__setattr__(detector, "detectors", tuple(Places((each,)) for each in places))
    return [(each.kind, each.start, each.end) for each in detector.find(text)]


def test_of_findings_that_overlap_the_one_of_the_first_detector_stays() -> None:
    text = "0123456789"
    first, next_to_it = ("phone", 0, 5), ("card", 5, 6)
    assert placed(text, first, ("iban", 3, 8), ("iban", 0, 1), next_to_it) == [first, next_to_it]


def test_what_lies_in_a_time_is_an_ordinary_number_and_an_address_stays_one() -> None:
    text = "The bell of the lighthouse was silent until 2024-01-31T12:34:56Z, when it rang."
    at = text.index("2024")
    assert placed(text, ("phone", at, at + 10)) == []
    assert placed(text, ("email", at, at + 10)) == [("email", at, at + 10)]
    assert placed(text, ("phone", at + 21, at + 25)) == [("phone", at + 21, at + 25)]


def test_a_finding_says_why_and_does_not_quote() -> None:
    [finding] = DETECTOR.find("IBAN DE89370400440532013000.")
    assert (finding.locale, finding.why) == ("DE", "the length and checksum of its country")


@given(st.text(alphabet=st.sampled_from("0123456789 -./+()@:AaZz€年\n[]"), max_size=120))
def test_findings_never_overlap_and_lie_inside_the_text(text: str) -> None:
    end = 0
    for each in DETECTOR.find(text):
        assert end <= each.start < each.end <= len(text)
        end = each.end


@pytest.mark.parametrize(
    "text",
    [
        *("1" * 100_000, "1 " * 50_000, "a@" * 50_000, "+1-" * 30_000, "1:" * 50_000, "A1 " * 30_000),
        *("1A" * 50_000 + "_", "passport " + "A" * 50_000, "born " * 5_000, "jane@acme.example " * 20_000),
    ],
    ids=lambda text: text[:12],
)
def test_the_work_grows_with_the_text_and_not_with_its_square(text: str) -> None:
    """A hang, not a speed: quadratic work would take minutes here."""
    DETECTOR.find(text)
