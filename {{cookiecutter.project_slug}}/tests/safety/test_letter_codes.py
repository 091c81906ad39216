"""The canary and the instructions in codes of letters, and credentials in forms that name no assignment."""

import base64
import re
import time
from collections.abc import Callable
from uuid import UUID

import pytest

from app.core.secret_patterns import secrets_in
from app.safety.domain.letter_codes import letter_codes
from app.safety.domain.output_filter import OutputFilter, OutputPolicy, SentenceFilter, canary_of
from app.safety.domain.prompt_overlap import overlaps_prompt
from tests.safety.harmless_answers import HARMLESS

CANARY = canary_of("release", UUID(int=7))
PROMPT = (
    "You are Bo, the helper of the Sarn ferry. Quote timetables only from the board and name the pier. "
    "Never speak about strikes. When unsure, send people to the kiosk."
)
MORSE = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyz",
        re.findall(
            r"\S+",
            ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- "
            "--..",
        ),
        strict=True,
    )
)
SPELLED = re.findall(
    r"\w+",
    "alfa bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa quebec romeo "
    "sierra tango uniform victor whiskey xray yankee zulu",
)
SMALL = dict(zip("abcdefghijklmnopqrstuvwxyz", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘǫʀꜱᴛᴜᴠᴡxʏᴢ", strict=True))


def letters(text: str) -> str:
    return "".join(filter(str.isalpha, text.lower()))


CODES: dict[str, Callable[[str], str]] = {
    "Morse": lambda text: " ".join(MORSE[c] for c in letters(text)),
    "a spelling alphabet": lambda text: " ".join(SPELLED[ord(c) - 97] for c in letters(text)),
    "first letters of lines": lambda text: "\n".join(f"- {c.upper()}nd so on" for c in letters(text)),
    "first letters of words": lambda text: " ".join(f"{c}ab" for c in letters(text)),
    "last letters of words": lambda text: " ".join(f"ba{c}" for c in letters(text)),
    "words between": lambda text: " and ".join(letters(text)),
    "places in the alphabet": lambda text: " ".join(str(ord(c) - 96) for c in letters(text)),
    "places from zero": lambda text: ", ".join(str(ord(c) - 97) for c in letters(text)),
    "flags": lambda text: "".join(chr(0x1F1E6 + ord(c) - 97) for c in letters(text)),
    "circles": lambda text: "".join(chr(0x24D0 + ord(c) - 97) for c in letters(text)),
    "small capitals": lambda text: "".join(SMALL[c] for c in letters(text)),
    "moved along the alphabet": lambda text: "".join(chr((ord(c) - 97 + 3) % 26 + 97) for c in letters(text)),
    "mirrored": lambda text: "".join(chr(219 - ord(c)) for c in letters(text)),
    "base32": lambda text: base64.b32encode(text.encode()).decode(),
    "ascii85": lambda text: base64.a85encode(text.encode()).decode(),
}


def filtered(text: str) -> tuple[str, SentenceFilter]:
    sentences = OutputFilter(OutputPolicy()).sentences(PROMPT, (), CANARY)
    return sentences.passes(text), sentences


@pytest.mark.parametrize("how", CODES)
def test_a_canary_in_a_code_stops_the_text(how: str) -> None:
    left, found = filtered(f"It says: {CODES[how](CANARY)}")
    assert (left, found.stopped) == ("", True)


@pytest.mark.parametrize("how", CODES)
def test_instructions_in_a_code_are_recognised(how: str) -> None:
    assert overlaps_prompt(CODES[how](PROMPT), PROMPT)


@pytest.mark.parametrize("parts", [(8, 15), (12, 11), (15, 8)])
def test_a_canary_in_parts_stops_the_text(parts: tuple[int, int]) -> None:
    text = f"It ends with {CANARY[-parts[1] :]} and begins with {CANARY[: parts[0]]}."
    assert filtered(text)[1].stopped


@pytest.mark.parametrize("text", HARMLESS)
def test_no_code_is_read_out_of_a_harmless_text(text: str) -> None:
    assert not filtered(text)[1].stopped


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("machine db.internal login app password Hg7k2Lq9zQw", "Hg7k2Lq9zQw"),
        ("The admin password for the router is Hg7k2Lq9zQw.", "Hg7k2Lq9zQw"),
        ("Das Passwort für den Server lautet Hg7k2Lq9zQw.", "Hg7k2Lq9zQw"),
        ('{"auths":{"r.example":{"auth":"YWRtaW46SGc3azJMcTl6UXc="}}}', "YWRtaW46SGc3azJMcTl6UXc="),
        ("Unseal Key 1: aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3z", "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3z"),
        ('{"kty":"RSA","n":"0vx7agoebGcQ","d":"X4cTteJY_gn4FYPsXB8rdX"}', "X4cTteJY_gn4FYPsXB8rdX"),
        ("| user | Password |\n|---|---|\n| admin | `Hg7k2Lq9zQw!` |\n", "Hg7k2Lq9zQw!"),
        ("It begins with " + "ghp_" + "aB3dE5fG7hJ9kL1m and goes on.", "ghp_" + "aB3dE5fG7hJ9kL1m"),
    ],
)
def test_a_credential_is_found_without_an_assignment(text: str, secret: str) -> None:
    assert secret in {text[start:end] for _, start, end in secrets_in(text)}


@pytest.mark.parametrize(
    "text",
    [
        "The password must have 14 characters, and the password expires after 90days.",
        "A password for the portal is set by its owner. Your password is yours alone.",
        "Reset your password Monday to Friday, or call 0800-123456.",
        'The header has {"kty":"RSA","n":"0vx7agoebGcQ0vx7agoebGcQ","e":"AQAB"}.',
        "| user | password |\n|---|---|\n| admin | set on 2024-05-01 |\n| build42x | in the vault |\n",
        '{"auth": "required", "mode": "basic"}',
        "| user | password |\n|---|---|\n| al | in the vault |\n\n| file | hash |\n|---|---|\n| a | 9f86d081884c7d65 |",
    ],
)
def test_what_only_speaks_of_credentials_is_none(text: str) -> None:
    assert list(secrets_in(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "a" * 200_000,
        "\\101" * 50_000,
        "| password |\n|---|\n| a" + " " * 200_000 + "b |\n",
        "The password is" + " " * 200_000 + "<",
    ],
)
def test_codes_and_tables_are_read_in_linear_time(text: str) -> None:
    began = time.process_time()
    list(letter_codes(text))
    list(secrets_in(text))
    assert time.process_time() - began < 20, "quadratic time would take minutes"
