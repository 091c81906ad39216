"""Generated sentences with personal data in sixteen locales, and ordinary numbers that are none; always the same."""

import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from uuid import UUID

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType
from stdnum import luhn, numdb


@dataclass(frozen=True)
class Row:
    """spans: (start, end, kind) of the personal data in the text."""

    text: str
    locale: str
    spans: tuple[tuple[int, int, str], ...] = ()


# locale: national number by its check and form, the sentences for it, a telephone number and a date of birth.
LOCALES: dict[str, tuple[str, str, str, str, str]] = {
    "en-US": ("us.ssn 999-99-9999", "My SSN is {}.", "Call me at {} after noon.", "She was born on {}.", "US"),
    "en-GB": ("nino", "My National Insurance number is {}.", "My mobile is {}.", "Date of birth: {}.", "GB"),
    "de-DE": (
        "de.idnr 99999999999",
        "Meine Steuer-ID lautet {}.",
        "Rufen Sie mich unter {} an.",
        "geboren am {}",
        "DE",
    ),
    "fr-FR": ("fr.nir 999999999999999", "Numéro de sécurité sociale : {}.", "Mon téléphone : {}.", "née le {}", "FR"),
    "es-ES": ("es.dni 99999999A", "Mi DNI es {}.", "Llámame al {} mañana.", "nacido el {}", "ES"),
    "it-IT": ("codicefiscale", "Codice fiscale {}.", "Il mio telefono è {}.", "nato il {}", "IT"),
    "nl-NL": ("nl.bsn 999999999", "Mijn BSN is {}.", "Mijn telefoonnummer is {}.", "geboren op {}", "NL"),
    "pt-BR": ("br.cpf 999.999.999-99", "Meu CPF é {}.", "Meu celular é {}.", "nascido em {}", "BR"),
    "pt-PT": ("pt.nif 999999999", "O meu NIF é {}.", "O meu telefone é {}.", "data de nascimento: {}", "PT"),
    "pl-PL": ("pl.pesel 99999999999", "Mój PESEL to {}.", "Mój telefon to {}.", "urodzona {}", "PL"),
    "sv-SE": ("se.personnummer 999999-9999", "Mitt personnummer är {}.", "Ring mig på {}.", "född {}", "SE"),
    "da-DK": ("dk.cpr 999999-9999", "Mit CPR-nummer er {}.", "Ring til mig på {}.", "født {}", "DK"),
    "fi-FI": ("fi.hetu 999999-999A", "Henkilötunnus {}.", "Puhelin {}.", "syntymäaika {}", "FI"),
    "nb-NO": ("no.fodselsnummer 99999999999", "Fødselsnummer {}.", "Ring meg på {}.", "født {}", "NO"),
    "cs-CZ": ("cz.rc 999999/9999", "Rodné číslo {}.", "Telefon {}.", "narozena {}", "CZ"),
    "ro-RO": ("ro.cnp 9999999999999", "CNP {}.", "Telefonul meu este {}.", "data nașterii / born {}", "RO"),
}
IBANS = ("DE", "GB", "FR", "ES", "IT", "NL", "PT", "PL", "SE", "DK", "FI", "NO", "CZ", "RO", "MT", "LI", "SA", "BR")
CARDS = (("4", 16), ("4", 13), ("51", 16), ("2223", 16), ("2720", 16), ("34", 15), ("36", 14), ("6011", 16))
MORE_CARDS = (("3528", 16), ("1800", 15), ("2131", 15), ("5018", 12), ("6759", 16), ("62", 16), ("2201", 16), ("4", 19))
DOMAINS = ("acme.example", "mail.test.co.uk", "firma.museum", "post.versicherung", "xn--bcher-kva.example", "a-b.io")
ORDINARY = (
    "Order {d16} shipped on {iso}.",
    "Die Bestellnummer {d16} wurde storniert.",
    "Upgrade from {ver} to version {ver4}.",
    "Build {uuid} of commit {sha1}.",
    "The file has {thousands} bytes and the hash {sha256}.",
    "ISBN {isbn}, page {d3}.",
    "Part {d3}-AB-{d4}, lot {d8}, revision {d3}.",
    "At {epoch} the server listened on 127.0.0.1:{d4}, and on [::1].",
    "The release of {date} fixes {d3} of {d4} issues in section 3.1.2.4.",
    "Run kernel[1::2] and std::vector<int> x{{{d3}, {d4}}}; see @app.route or lodash@{ver}.",
    "It cost {money}, {percent} more than in {year}.",
    "The mask 255.255.255.0 belongs to the network 10.20.0.0/16.",
    "Invoice {d10}, ticket {d8}, tracking 1Z{sku}.",
    "Coordinates {lat}, {lon}; ratio {float}.",
)


def rows(each: int, seed: int = 7) -> list[Row]:
    """So many rows of each kind and locale, and as many of each ordinary sentence."""
    chance = random.Random(seed)
    found = [row for locale in LOCALES for _ in range(each) for row in _of_locale(locale, chance)]
    return found + [Row(_filled(text, chance), "ordinary") for text in ORDINARY for _ in range(each)]


def _of_locale(locale: str, chance: random.Random) -> Iterator[Row]:
    number, sentence, phone, born, country = LOCALES[locale]
    values: tuple[tuple[str, str, str], ...] = (
        ("national_id", sentence, national_id(number, chance)),
        ("phone", phone, phone_number(country, chance)),
        ("date_of_birth", born, birth_date(country, chance)),
        ("email", "{} <{{}}>".format(chance.choice(("E-Mail:", "mail", "contact"))), email(chance)),
        ("iban", "IBAN {}, BIC follows.", iban(chance.choice(IBANS), chance)),
        ("card", chance.choice(("Card {} expires soon.", "credit card no. {}")), card(chance)),
        ("ip_address", chance.choice(("client={} took 31ms", "from {} at noon")), address(chance)),
        ("passport", chance.choice(("Passport No. {}", "Reisepass Nr. {}", "passeport n° {}")), document(chance)),
        ("mac_address", "device {} joined", ":".join(f"{chance.randrange(256):02x}" for _ in range(6))),
        ("crypto_address", "send it to {} today", f"0x{chance.getrandbits(160):040x}"),
    )
    for kind, text, value in values:
        start = text.index("{}")
        yield Row(text.replace("{}", value), locale, ((start, start + len(value), kind),))


def national_id(number: str, chance: random.Random) -> str:
    if number == "nino":
        digits = "".join(chance.choices(string.digits, k=6))
        return f"{chance.choice('ABCEGHJKLMPRSTWXYZ')}{chance.choice('ABCEGHJKLM')}{digits}{chance.choice('ABCD')}"
    if number == "codicefiscale":
        return _codice_fiscale(chance)
    check, form = number.split()
    valid: Callable[[str], bool] = import_module(f"stdnum.{check}").is_valid
    while True:
        drawn = "".join(
            chance.choice({"9": string.digits, "A": string.ascii_uppercase}.get(each, each)) for each in form
        )
        if valid(drawn) and len(set(drawn)) > 3:
            return drawn


def _codice_fiscale(chance: random.Random) -> str:
    from stdnum.it import codicefiscale

    letters = "".join(chance.choices("BCDFGLMNPRST", k=6))
    body = f"{letters}{chance.randrange(100):02d}{chance.choice('ABCDEHLMPRST')}{chance.randrange(1, 28):02d}"
    body += f"{chance.choice('ABCDEFGHIL')}{chance.randrange(1, 999):03d}"
    return body + str(codicefiscale.calc_check_digit(body))


def phone_number(country: str, chance: random.Random) -> str:
    kind = chance.choice((PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE))
    example = phonenumbers.example_number_for_type(country, kind)
    known = phonenumbers.format_number(example, PhoneNumberFormat.E164)[:-4]
    while True:
        drawn = phonenumbers.parse(f"{known}{chance.randrange(10_000):04d}")
        if phonenumbers.is_valid_number(drawn):
            formats = (PhoneNumberFormat.NATIONAL, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.E164)
            return str(phonenumbers.format_number(drawn, chance.choice(formats)))


def birth_date(country: str, chance: random.Random) -> str:
    day, month, year = chance.randrange(1, 29), chance.randrange(1, 13), chance.randrange(1930, 2010)
    local = f"{month}/{day}/{year}" if country == "US" else f"{day:02d}.{month:02d}.{year}"
    return chance.choice((local, f"{year}-{month:02d}-{day:02d}"))


def email(chance: random.Random) -> str:
    name = "".join(chance.choices(string.ascii_lowercase, k=6))
    return chance.choice((name, f"{name}.o'hara", f"{name}+tag", f"{name}_1")) + "@" + chance.choice(DOMAINS)


def iban(country: str, chance: random.Random) -> str:
    structure = numdb.get("iban").info(country)[0][1]["bban"]
    bban = ""
    for part in structure.replace("!n", "!n ").replace("!a", "!a ").replace("!c", "!c ").split():
        length, _, letter = part.partition("!")
        bban += "".join(chance.choices(string.ascii_uppercase if letter == "a" else string.digits, k=int(length)))
    digits = "".join(str(int(each, 36)) for each in f"{bban}{country}00")
    whole = f"{country}{98 - int(digits) % 97:02d}{bban}"
    return whole if chance.random() < 0.5 else " ".join(whole[at : at + 4] for at in range(0, len(whole), 4))


def card(chance: random.Random) -> str:
    prefix, length = chance.choice(CARDS + MORE_CARDS)
    body = prefix + "".join(chance.choices(string.digits, k=length - len(prefix) - 1))
    whole = body + str(luhn.calc_check_digit(body))
    spaced = length == 16 and chance.random() < 0.5
    return " ".join(whole[at : at + 4] for at in range(0, 16, 4)) if spaced else whole


def address(chance: random.Random) -> str:
    if chance.random() < 0.5:
        return f"{chance.randrange(11, 120)}.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(1, 255)}"
    return ":".join(f"{chance.randrange(0x1000, 0x10000):x}" for _ in range(8))


def document(chance: random.Random) -> str:
    return chance.choice("CFGHJK") + "".join(chance.choices(string.digits, k=8))


def _filled(text: str, chance: random.Random) -> str:
    def digits(count: int) -> str:
        return "".join(chance.choices(string.digits, k=count))

    number = chance.randrange(10**6, 10**9)
    return text.format(
        **{f"d{count}": digits(count) for count in (3, 4, 8, 10, 16)},
        iso=f"2026-{chance.randrange(1, 13):02d}-{chance.randrange(1, 29):02d}T{chance.randrange(24):02d}:11:00Z",
        ver=f"{chance.randrange(20)}.{chance.randrange(60)}.{chance.randrange(60)}",
        ver4=f"{chance.randrange(20)}.{chance.randrange(60)}.{chance.randrange(60)}.{chance.randrange(200)}",
        uuid=UUID(int=chance.getrandbits(128)),
        sha1=f"{chance.getrandbits(160):040x}",
        sha256=f"{chance.getrandbits(256):064x}",
        thousands=f"{number:,}",
        isbn=f"978-{digits(1)}-{digits(3)}-{digits(5)}-{digits(1)}",
        epoch=chance.randrange(1_600_000_000, 1_900_000_000),
        date=f"{chance.randrange(1, 29):02d}.{chance.randrange(1, 13):02d}.2026",
        money=f"{number / 100:,.2f} EUR",
        percent=f"{chance.randrange(100)}.{digits(2)} %",
        year=chance.randrange(1990, 2030),
        sku="".join(chance.choices(string.ascii_uppercase + string.digits, k=16)),
        lat=f"{chance.uniform(-90, 90):.5f}",
        lon=f"{chance.uniform(-180, 180):.5f}",
        float=f"{chance.random() * 1e6:.6f}",
    )
