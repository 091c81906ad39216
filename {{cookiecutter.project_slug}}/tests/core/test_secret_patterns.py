"""Credentials that their place or their provider's form gives away, and what looks like them and is none."""

from time import process_time

import pytest

from app.core.redaction import redact
from tests.safety.outbound_forms import _alphabet

DRAWN, HEX = "Tr4v3rs3" + "kq9", _alphabet(64, "0a1b2c3d4e5f6789")
LONG, CURL = _alphabet(64), "cur" + "l"

# Put together, so that no scanner takes this file for a leak.
PLACES = (
    (f"{CURL} -u app:{DRAWN} https://api.example.com", DRAWN),
    (f"sshpass -p '{DRAWN}' ssh ana@example.com", DRAWN),
    (f"mysqldump --host db -u root -p{DRAWN} app", DRAWN),
    (f"db.internal:5432:app:admin:{DRAWN}", DRAWN),
    (f"PGPASSWORD={DRAWN} psql", DRAWN),
    (f"dbPassword: '{DRAWN}'", DRAWN),
    (f"  secretKey: '{DRAWN}'", DRAWN),
    (f"<db:password>{DRAWN}</db:password>", DRAWN),
    (f"**Password:** `{DRAWN}`", DRAWN),
    (f"| user | app |\n| password | {DRAWN} |\n| host | db |", DRAWN),
    (f"FERNET_KEY={LONG[:43]}=", LONG[:43]),
    (f"https://files.example.com/c?sv=2022-11-02&sig={LONG[:43]}%3D", LONG[:43]),
    (f"https://s3.example.com/f?X-Amz-Signature={HEX}", HEX),
    (f"https://{HEX[:32]}@errors.example.com/2", HEX[:32]),
    ("https://discord.com/api/" + f"webhooks/123456789012345678/{LONG}", LONG),
    ("tskey-" + f"auth-k{LONG[:11]}CNTRL-{LONG[:32]}", LONG[:32]),
    ("AKCp" + f"8{LONG}", LONG),
    ("pul-" + HEX[:40], HEX[:40]),
    ("pat" + f"{LONG[:14]}.{HEX}", HEX),
    ("1/" + f"1234567890123456:{HEX[:32]}", HEX[:32]),
    ("SSWS " + f"00{LONG[:40]}", LONG[:40]),
    ("EZAK" + LONG[:54], LONG[:54]),
    ("dt0c01." + f"{_alphabet(24, 'ABCDEFGH234567')}.{_alphabet(64, 'ABCDEFGH234567')}", "ABCDEFGH234567"),
    ("squ_" + HEX[:40], HEX[:40]),
    ("key-" + HEX[:32], HEX[:32]),
    (HEX[:32] + "-us14", HEX[:32]),
    ("xkeysib-" + f"{HEX}-{LONG[:16]}", HEX),
    ("MT" + f"{LONG[:22]}.{LONG[22:28]}.{LONG[:30]}", LONG[:22]),
    ("AGE-SECRET-KEY-" + f"1{_alphabet(58, 'QPZRY9X8GF2TVDW0')}", "QPZRY9X8GF2TVDW0"),
)
HARMLESS = (
    "curl -u user:password https://api.example.com",
    "Call curl -u ana: and type the password.",
    "mysql -u root -p --host db",
    "The line host:5432:database:user:password stands in .pgpass.",
    "12:30:opens:the:building",
    "<password>required</password>",
    "<Token>see the letter of 3 May</Token>",
    "| password | required |\n| length | 14 characters |",
    "| password | since 2024-05-01 |",
    "**Password:** `at least 14 characters`",
    "passwordPolicy: strong",
    "The secret key: see the vault.",
    "https://user@example.com/path?sig=1&page=2",
    "The ratio 1/1234567890 is small.",
    "Ask pat1234 or patricia.",
    "The tokenizer = sentencepiece and the tokenization: bytes",
)


@pytest.mark.parametrize(("text", "secret"), PLACES, ids=[text[:16] for text, _ in PLACES])
def test_a_credential_is_masked_where_credentials_stand(text: str, secret: str) -> None:
    masked = redact(f"So it is:\n{text}\nand no more.")
    assert secret not in masked
    assert redact(masked) == masked
    assert masked.endswith("\nand no more.")


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_a_credential_is_left(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    "piece",
    ["curl ", "curl -u a:", "mysql -p", "a:22:b:", "<password>", "<a.", "?sig=A", "dbP", "pgpass", "| password "],
)
def test_masking_takes_linear_time(piece: str) -> None:
    def seconds(repeated: int) -> float:
        text, began = piece * repeated, process_time()
        redact(text)
        return process_time() - began

    assert seconds(40_000) < 60
