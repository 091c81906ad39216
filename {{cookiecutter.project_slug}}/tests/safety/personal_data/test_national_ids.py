"""A number of each kind, made up, is found after a word for it; those with a rare form and a checksum without one."""

import pytest

from app.safety.domain.personal_data.detection import PersonalDataDetector
from app.safety.domain.personal_data.national_id_rules import RULES

DETECTOR = PersonalDataDetector(kinds=("national_id",))

# The country, the check, and a text whose last word or words are the number.
NUMBERS = """
US | us.ssn | ssn 341-67-2110.
US | us.itin | itin 925-90-5072.
US | us.atin | atin 554-91-7363.
CA | ca.sin | sin 713-476-182.
GB | own.nino | national insurance ME495526C.
GB | gb.nhs | nhs 1903380782.
GB | gb.utr | utr 5469034994.
IE | ie.pps | pps 7513510T.
DE | de.idnr | steuer 27814443909.
DE | own.rvnr | sozialvers 11270459U208.
AT | at.vnr | svnr 1898253876.
CH | ch.ssn | ahv 756.3547.4140.66.
FR | fr.nir | nir 344811558553396.
FR | fr.nif | fiscal 3578605060009.
BE | be.nn | rijksregister 87.10.88-338.83.
NL | nl.bsn | bsn 632521119.
ES | es.dni | dni 47754528L.
ES | es.nie | nie Z5249292F.
PT | pt.nif | nif 622478087.
PT | pt.cc | cartão 92861112 3 JW9.
IT | it.codicefiscale | codice DBBRDD60R13H501I.
PL | pl.pesel | pesel 67411648755.
PL | pl.nip | nip 537-444-76-49.
CZ | cz.rc | rodn 775426/8995.
RO | ro.cnp | cnp 4540814230017.
BG | bg.egn | egn 5121214895.
HR | hr.oib | oib 70172212538.
SI | si.emso | emšo 0608834619170.
GR | gr.amka | amka 17050628266.
EE | ee.ik | isikukood 61110121522.
LT | lt.asmens | asmens 98328221932.
LV | lv.pvn | personas kod 61873748671.
SE | se.personnummer | personn 780107-4431.
DK | dk.cpr | cpr 150487-8306.
NO | no.fodselsnummer | fødselsn 51032166818.
FI | fi.hetu | hetu 030262-468M.
IS | is_.kennitala | kennitala 130920-3220.
TR | tr.tckimlik | tc 53905774156.
UA | ua.rntrc | рнокпп 6079507899.
RU | own.snils | snils 521-182-514 42.
RU | ru.inn | inn 846016200780.
IL | il.idnr | teudat 007022486.
ZA | za.idnr | rsa 7004105876143.
BR | br.cpf | cpf 641.236.291-64.
AR | ar.dni | dni 03.432.345.
AR | ar.cuit | cui[tl 50-24266650-7.
CL | cl.rut | rut 92.968.183-5.
MX | mx.curp | curp BOXW640212MVZNRS02.
MX | mx.rfc | rfc MJEL200223PO7.
PE | pe.cui | cui 72532207-6.
DO | do.cedula | cédula 074-2307989-1.
EC | ec.ci | cédula 0452518871.
IN | in_.aadhaar | aadhaar 8059 4831 0801.
IN | in_.epic | voter WKH1186253.
IN | in_.pan | pan OXHBZ1059T.
CN | own.ric | 身份证 825470195303016431.
KR | own.rrn | 주민 960203-7137265.
JP | jp.in_ | my number 4595 1031 9845.
MY | my.nric | nric 030309-25-1475.
SG | own.nric | nric T5885376Z.
TH | th.pin | บัตรประชาชน 3-7738-15443-52-9.
PK | pk.cnic | cnic 69816-9893302-4.
AU | au.tfn | tfn 463 388 564.
NZ | nz.ird | ird 99-071-222.
"""
ROWS = [line.split(" | ") for line in NUMBERS.strip().splitlines()]


@pytest.mark.parametrize(("country", "check", "text"), ROWS, ids=[row[1] for row in ROWS])
def test_a_number_is_found_after_a_word_for_it(country: str, check: str, text: str) -> None:
    [finding] = DETECTOR.find(text)
    assert (finding.locale, finding.why.rpartition(" ")[2]) == (country, check)
    assert text[finding.start : finding.end] == text.rstrip(".")[finding.start :]
    assert any(each.isdigit() for each in text[finding.start : finding.end])


@pytest.mark.parametrize(("country", "check", "text"), ROWS, ids=[row[1] for row in ROWS])
def test_without_the_word_only_a_rare_form_is_found(country: str, check: str, text: str) -> None:
    [said] = DETECTOR.find(text)
    number = text[said.start : said.end]
    [rule] = [each for each in RULES if each.check == check]
    shape = "".join("9" if each.isdigit() else "A" if each.isalpha() else each for each in number)
    others = [each for each in RULES if each.shapes.get(shape)]
    found = DETECTOR.find(f"It says {number} here.")
    if rule.shapes[shape]:
        assert [(each.start, each.end) for each in found] == [(8, 8 + len(number))]
    elif not others:
        assert found == ()


@pytest.mark.parametrize(("country", "check", "text"), ROWS, ids=[row[1] for row in ROWS])
def test_a_number_of_another_country_is_left_alone_where_the_policy_names_only_some(
    country: str, check: str, text: str
) -> None:
    elsewhere = [each for each in ("LI", "AD") if each != country]
    assert PersonalDataDetector(kinds=("national_id",), countries=elsewhere).find(text) == ()


def test_almost_every_rule_has_an_example() -> None:
    assert {each.check for each in RULES} - {row[1] for row in ROWS} == {"sk.rc", "id.nik"}
