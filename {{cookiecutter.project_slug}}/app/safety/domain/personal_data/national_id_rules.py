"""The national numbers of persons that are recognised: their written forms, their checksums and the words for them."""

import re
from dataclasses import dataclass
from functools import cached_property

GENERIC = (
    r"national (?:id|ident)|identity (?:card|no|number|document)|id[ -]?(?:no|nr|number|card)"
    r"|tax[ -]?(?:id|no|number|payer)|personal (?:id|code|number)|social (?:security|insurance)|citizen"
    r"|(?<![^\W_])tin(?![^\W_])"
)


@dataclass(frozen=True)
class IdRule:
    """One kind of number. check: a module of the package stdnum, or a check of ours where it starts with `own.`.

    forms: 9 stands for a digit, A for a letter. A form with `!` is recognised wherever it stands, because checksum and
    form are rare together; the others only after one of `words`, a pattern.
    """

    country: str
    check: str
    forms: str
    words: str

    @cached_property
    def shapes(self) -> dict[str, bool]:
        """The forms, and whether each is recognised without a word beside it."""
        return {each.rstrip("!").replace("_", " "): each.endswith("!") for each in self.forms.split()}

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(rf"(?<![^\W_])(?:{self.words}|{GENERIC})", re.IGNORECASE)


_TABLE = r"""
US | us.ssn | 999-99-9999! 999_99_9999 999999999 | ssn|social
US | us.itin | 999-99-9999! 999999999 | itin|taxpayer
US | us.atin | 999-99-9999! | atin
CA | ca.sin | 999-999-999! 999_999_999 999999999 | sin(?![^\W_])|social|nas(?![^\W_])|assurance sociale
GB | own.nino | AA999999A! AA_99_99_99_A! AA-99-99-99-A! | national insurance|nino|ni (?:no|number)
GB | gb.nhs | 9999999999 999_999_9999 999-999-9999 | nhs|patient
GB | gb.utr | 9999999999 99999_99999 | utr|taxpayer
IE | ie.pps | 9999999A 9999999AA 9999999_A | pps
DE | de.idnr | 99999999999 99_999_999_999! | steuer|idnr|identifikationsn|tin
DE | own.rvnr | 99999999A999! 99_999999_A_999! | sozialvers|rentenvers|versicherungsn|sv-?n
AT | at.vnr | 9999999999 9999_999999 | svnr|sv-?n|sozialvers|versicherungsn
CH | ch.ssn | 999.9999.9999.99! 9999999999999 | ahv|avs|sozialvers
FR | fr.nir | 999999999999999 9_99_99_99_999_999_99! 9999999999999_99! 999999A99999999! | nir|s[ée]cu
FR | fr.nif | 9999999999999 99_99_999_999_999 | fiscal|spi|nif
BE | be.nn | 99.99.99-999.99! 99999999999 99.99.99.999.99! | rijksregister|registre national|niss|insz
NL | nl.bsn | 999999999 9999.99.999! 9999_99_999 | bsn|burgerservice|sofi|service ?nummer
ES | es.dni | 99999999A! 99999999-A! 99.999.999-A! 99.999.999A! 99999999_A! | dni|nif|documento
ES | es.nie | A9999999A! A-9999999-A! A9999999-A! A-9999999A! | nie|extranjer
PT | pt.nif | 999999999 999_999_999 | nif|contribuinte|fiscal
PT | pt.cc | 99999999_9_AA9! 999999999AA9! 99999999-9-AA9! | cart[ãa]o|cidad|cc(?![^\W_])
IT | it.codicefiscale | AAAAAA99A99A999A! AAA_AAA_99A99_A999A! | codice|fiscale|cf(?![^\W_])
PL | pl.pesel | 99999999999 | pesel
PL | pl.nip | 999-999-99-99! 999-99-99-999! 9999999999 | nip(?![^\W_])
CZ | cz.rc | 999999/9999! 999999/999 9999999999 | rodn|r\.? ?[čc]|rc(?![^\W_])
SK | sk.rc | 999999/9999! 999999/999 9999999999 | rodn|r\.? ?[čc]|rc(?![^\W_])
RO | ro.cnp | 9999999999999 | cnp|cod numeric
BG | bg.egn | 9999999999 | egn|егн
HR | hr.oib | 99999999999 | oib
SI | si.emso | 9999999999999 | em[šs]o
GR | gr.amka | 99999999999 | amka|αμκα
EE | ee.ik | 99999999999 | isikukood|ik(?![^\W_])
LT | lt.asmens | 99999999999 | asmens
LV | lv.pvn | 99999999999 999999-99999 | personas kod
SE | se.personnummer | 999999-9999! 99999999-9999! 999999+9999! 9999999999 999999999999 | personn|pnr
DK | dk.cpr | 999999-9999 9999999999 | cpr|person(?:nummer|nr)
NO | no.fodselsnummer | 99999999999 999999_99999! | f[øo]dselsn|person(?:nummer|nr)|d-nummer
FI | fi.hetu | 999999-999A! 999999A999A! 999999-9999 999999A9999! 999999+999A! | hetu|henkil|personb
IS | is_.kennitala | 999999-9999 9999999999 | kennitala|kt(?![^\W_])
TR | tr.tckimlik | 99999999999 | tc(?![^\W_])|t\.c\.|kimlik
UA | ua.rntrc | 9999999999 | рнокпп|іпн|rntrc
RU | own.snils | 999-999-999_99! 99999999999 | snils|снилс
RU | ru.inn | 999999999999 | inn|инн
IL | il.idnr | 999999999 | teudat|תעודת|ת"ז|מספר זהות
ZA | za.idnr | 9999999999999 999999_9999_999! | rsa|south african|id(?![^\W_])
BR | br.cpf | 999.999.999-99! 99999999999 999999999-99! | cpf
AR | ar.dni | 99.999.999 99999999 | dni|documento
AR | ar.cuit | 99-99999999-9! 99999999999 | cui[tl]
CL | cl.rut | 99.999.999-9! 99.999.999-A! 9.999.999-9! 9.999.999-A! 99999999-9 99999999-A! | rut
MX | mx.curp | AAAA999999AAAAAA99! AAAA999999AAAAAAA9! | curp
MX | mx.rfc | AAAA999999AA9 AAAA999999999 AAAA999999A99 AAAA9999999A9 AAAA99999999A AAAA999999AAA | rfc
PE | pe.cui | 99999999-9 999999999 | cui|dni
DO | do.cedula | 999-9999999-9! 99999999999 | c[ée]dula
EC | ec.ci | 9999999999 999999999-9 | c[ée]dula|ci(?![^\W_])
IN | in_.aadhaar | 9999_9999_9999 9999-9999-9999 999999999999 | a+dha+r|uid|आधार
IN | in_.epic | AAA9999999 | epic|voter
IN | in_.pan | AAAAA9999A! | pan(?![^\W_])
CN | own.ric | 99999999999999999A! 999999999999999999! | 身份证|resident|ric
KR | own.rrn | 999999-9999999! | 주민|rrn|resident
JP | jp.in_ | 9999_9999_9999 9999-9999-9999 999999999999 | my ?number|マイナンバー|個人番号
MY | my.nric | 999999-99-9999! 999999999999 | nric|mykad|kad pengenalan
SG | own.nric | A9999999A! | nric|fin(?![^\W_])
TH | th.pin | 9-9999-99999-99-9! 9_9999_99999_99_9! 9999999999999 | บัตรประชาชน|thai|pin
ID | id.nik | 9999999999999999 | nik(?![^\W_])|ktp
PK | pk.cnic | 99999-9999999-9! 9999999999999 | cnic|nadra
AU | au.tfn | 999_999_999 999999999 99999999 | tfn|tax file
NZ | nz.ird | 99-999-999 999-999-999 999999999 99999999 | ird
"""

RULES: tuple[IdRule, ...] = tuple(IdRule(*line.split(" | ")) for line in _TABLE.strip().splitlines())
COUNTRIES: tuple[str, ...] = tuple(dict.fromkeys(rule.country for rule in RULES))
