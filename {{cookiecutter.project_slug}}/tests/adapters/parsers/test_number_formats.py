"""Numbers, times and texts of a spreadsheet as a spreadsheet program shows them."""

import pytest

from app.adapters.parsers.dispatch import parse
from app.adapters.parsers.number_formats import shown_number, shown_text
from tests.adapters.parsers.office_files import xlsx


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        ("1234.5", "General", "1234.5"),
        ("0.30000000000000004", "", "0.3"),
        ("12345678901234", "", "12345678901234"),
        ("0.0000012", "", "0.0000012"),
        ("0.1", "0%", "10%"),
        ("0.1255", "0.0%", "12.6%"),
        ("12345.678", "#,##0.00", "12,345.68"),
        ("-5", "#,##0;(#,##0)", "(5)"),
        ("-2.5", r"0.0_);[Red]\(0.0\)", "(2.5)"),
        ("5", '0 "kg"', "5 kg"),
        ("0", '0;-0;"none"', "none"),
        ("3", "[$€-407] #,##0.00", "€ 3.00"),
        ("7", "000", "007"),
        ("5.5", "0.0#", "5.5"),
        ("5", "#.##", "5"),
        ("1234567", "#,##0,", "1,235"),
        ("0.5", "# ?/?", "1/2"),
        ("46000", "d/m/yy", "2025-12-09"),
        ("46000.5", "yyyy-mm-dd hh:mm", "2025-12-09 12:00"),
        ("0.75", "h:mm AM/PM", "18:00"),
        ("1.5", "[h]:mm", "36:00"),
        ("46000", '"Stand: "dd.mm.yyyy', "2025-12-09"),
        ("5", '"days"', "days"),
        ("not a number", "0.00", "not a number"),
        ("1e300", "0.00", "1e300"),
        ("-1", "yyyy", "-1"),
    ],
)
def test_a_number_is_shown_in_its_format(value: str, code: str, shown: str) -> None:
    assert shown_number(value, code) == shown


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        ("2.25", "[h]", "54"),
        ("1.25", "[hh]:mm", "30:00"),
        ("1.5", "[h]:mm:ss", "36:00:00"),
        ("0.0625", "[mm]:ss", "90:00"),
        ("0.00001736", "[s].000", "1.500"),
        ("-0.25", "[h]:mm", "-6:00"),
        ("1.5", '[h]"h "mm"m"', "36h 00m"),
        ("0.9999999", "[h]:mm:ss", "24:00:00"),
        ("0.0104166667", "mm:ss", "15:00"),
        ("0.0010532", "mm:ss.00", "01:31.00"),
        ("46000.5000116", "h:mm:ss", "12:00:01"),
        ("2958465.99999999", "yyyy-mm-dd h:mm:ss", "2958466"),
    ],
)
def test_times_that_passed_count_in_the_units_of_the_format(value: str, code: str, shown: str) -> None:
    assert shown_number(value, code) == shown


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        ("1.25", "# ?/?", "1 1/4"),
        ("-1.5", "# ??/??", "-1 1/2"),
        ("0.333333333", "# ??/??", "1/3"),
        ("2.5", "# ?/2", "2 1/2"),
        ("0.3333", "# ?/8", "3/8"),
        ("1.5", "?/?", "3/2"),
        ("1.999", "# ?/?", "2"),
        ("0", "# ?/?", "0"),
        ("1e-50", "# ??/??", "0"),
        ("12345", "0.00E+00", "1.23E+04"),
        ("12345", "##0.0E+0", "12.3E+3"),
        ("0.00012", "0.0E+0", "1.2E-4"),
        ("0", "0.00E+00", "0.00E+00"),
    ],
)
def test_fractions_and_powers(value: str, code: str, shown: str) -> None:
    assert shown_number(value, code) == shown


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        ("5551234567", "(000) 000-0000", "(555) 123-4567"),
        ("123456789", "000-00-0000", "123-45-6789"),
        ("12", "00\\-00", "00-12"),
        ("130", '0" h "00" min"', "1 h 30 min"),
        ("-5551234", "000-0000", "-555-1234"),
        ("1234.5", "# ##0.00", "1 234.50"),
        ("5", "# ##0", "5"),
    ],
)
def test_digits_apart_are_filled_from_the_right(value: str, code: str, shown: str) -> None:
    assert shown_number(value, code) == shown


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        ("1", '[=1]"one";[=2]"two";0', "one"),
        ("2", '[=1]"one";[=2]"two";0', "two"),
        ("3", '[=1]"one";[=2]"two";0', "3"),
        ("150", '[>100]"high";0', "high"),
        ("50", '[>100]"high";0', "50"),
        ("-2", "[>10]0;0", "-2"),
        ("-5", '[<0]"minus "0;0', "minus 5"),
        ("5", "[>10]0;[<2]0", "5"),
        ("200000", '[>=1000000]0.0,,"M";[>=1000]0.0,"K";0', "200.0K"),
        ("5551234", "[<=9999999]###-####;(###) ###-####", "555-1234"),
        ("0", '_(* #,##0_);_(* (#,##0);_(* "-"??_);_(@_)', "-"),
    ],
)
def test_the_section_of_a_format_is_chosen_by_its_condition(value: str, code: str, shown: str) -> None:
    assert shown_number(value, code) == shown


@pytest.mark.parametrize(
    ("text", "code", "shown"),
    [
        ("12", '"Room "@', "Room 12"),
        ("x", '0;0;0;"Hall: "@', "Hall: x"),
        ("x", '_(* #,##0_);_(* (#,##0);_(* "-"??_);_(@_)', "x"),
        ("a@b", '"@"0', "a@b"),
        ("x", "@", "x"),
        ("x", "0.00", "x"),
    ],
)
def test_a_text_is_shown_in_its_format(text: str, code: str, shown: str) -> None:
    assert shown_text(text, code) == shown


@pytest.mark.parametrize("value", ["1e99", "-1e50", "1e-200", "1e-999999", "1e-99999999999999999", "1." + "3" * 50_000])
def test_every_number_has_a_form_in_every_format(value: str) -> None:
    for code in ("General", "0.00", "#,##0.00", "0.0E+0", f"0.{'0' * 40}E+00", "000-00", "# ??/??", "0.00%"):
        assert len(shown_number(value, code)) < 200
    assert shown_number("1e-999999", "0.00") == "0.00"


def test_a_long_format_is_none() -> None:
    assert shown_number("5", "[h" * 200_000) == "5"
    assert shown_text("x", '"' * 300_000 + "@") == "x"


def test_a_workbook_of_1904_and_its_formats() -> None:
    rows = (
        '<row><c t="inlineStr"><is><t>Run</t></is></c><c t="inlineStr"><is><t>On</t></is></c>'
        '<c t="inlineStr"><is><t>Took</t></is></c></row>'
        '<row><c t="inlineStr" s="3"><is><t>7</t></is></c><c s="1"><v>44538</v></c><c s="2"><v>1.5</v></c></row>'
    )
    styles = (
        '<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><numFmts>'
        '<numFmt numFmtId="170" formatCode="[h]:mm"/><numFmt numFmtId="171" formatCode="&quot;Boat &quot;@"/></numFmts>'
        '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="170"/><xf numFmtId="171"/></cellXfs></styleSheet>'
    )
    data = xlsx(rows, styles=styles)
    assert "On: 2021-12-08; Took: 36:00" in parse(data, "a.xlsx").text
    data = xlsx(rows, styles=styles, properties='<workbookPr date1904="1"/>')
    assert "Run: Boat 7; On: 2025-12-09; Took: 36:00" in parse(data, "a.xlsx").text
