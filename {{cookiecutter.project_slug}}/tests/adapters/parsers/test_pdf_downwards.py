"""Chinese and Japanese lines that run downwards are read from the right to the left, and others as before."""

import io
from collections.abc import Callable

import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from app.adapters.parsers.dispatch import parse
from app.ingestion.domain.parsed_document import ParsedDocument
from tests.adapters.parsers.made_pdf import page_of

LINES = ["灯台は日没に点灯し夜明けに消灯する", "当番の守り人が毎日これを行う", "料金は一泊四十八ユーロである"]
SIZE = 14


def drawn(draw: Callable[[Canvas], None]) -> ParsedDocument:
    pdfmetrics.registerFont(UnicodeCIDFont("HeiseiMin-W3"))
    canvas = Canvas(out := io.BytesIO(), pagesize=A4)
    canvas.setFont("HeiseiMin-W3", SIZE)
    draw(canvas)
    canvas.save()
    document = parse(out.getvalue(), "a.pdf")
    assert document.loss is not None
    assert document.loss.lost == {}
    return document


def signs(canvas: Canvas, across: float, along: float, *, downwards: bool) -> None:
    """Each sign alone. across: from line to line; along: from sign to sign."""
    for number, line in enumerate(LINES):
        for place, sign in enumerate(line):
            if downwards:
                canvas.drawString(450 - across * number, 700 - along * place, sign)
            else:
                canvas.drawString(72 + along * place, 700 - across * number, sign)


@pytest.mark.parametrize(("across", "along"), [(24, 14), (28, 16), (20, 15)])
def test_signs_that_stand_alone_are_read_downwards(across: float, along: float) -> None:
    document = drawn(lambda canvas: signs(canvas, across, along, downwards=True))
    assert document.text.replace("\n\n", "\n").split("\n") == LINES


@pytest.mark.parametrize(("across", "along"), [(24, 14), (20, 15), (28, 16), (21, 20)])
def test_signs_that_stand_alone_in_lines_to_the_right_stay(across: float, along: float) -> None:
    document = drawn(lambda canvas: signs(canvas, across, along, downwards=False))
    assert document.text.replace("\n\n", "\n").replace(" ", "").split("\n") == LINES


def test_a_line_to_the_right_stands_before_or_after_those_that_run_downwards() -> None:
    def draw(canvas: Canvas) -> None:
        signs(canvas, 24, 14, downwards=True)
        canvas.drawString(72, 780, "港湾事務所の案内")

    lines = drawn(draw).text.replace("\n\n", "\n").split("\n")
    assert lines == [*LINES, "港湾事務所の案内"]


def test_columns_of_a_table_of_few_signs_stay() -> None:
    document = parse(page_of("BT /F1 12 Tf 1 0 0 1 60 700 Tm (A B C D) Tj 0 -14 Td (E F G H) Tj ET"), "a.pdf")
    assert document.text == "A B C D\nE F G H"


@pytest.mark.parametrize("encoding", ["UniJIS-UCS2-V", "UniJIS-UTF16-V"])
def test_lines_of_a_font_that_runs_downwards_are_read_from_the_right(encoding: str) -> None:
    font = (
        f"/Subtype /Type0 /BaseFont /HeiseiMin-W3 /Encoding /{encoding} /DescendantFonts [<< /Type /Font"
        " /Subtype /CIDFontType0 /BaseFont /HeiseiMin-W3 /CIDSystemInfo << /Registry (Adobe) /Ordering (Japan1)"
        " /Supplement 2 >> >>]"
    )
    content = "".join(
        f"BT /F1 14 Tf 1 0 0 1 {450 - 24 * number} 700 Tm <{line.encode('utf-16-be').hex()}> Tj ET "
        for number, line in enumerate(LINES)
    )
    document = parse(page_of(content, font=font), "a.pdf")
    assert document.text.replace("\n\n", "\n").split("\n") == LINES


def test_two_texts_of_such_a_line_follow_each_other() -> None:
    font = (
        "/Subtype /Type0 /BaseFont /HeiseiMin-W3 /Encoding /UniJIS-UTF16-V /DescendantFonts [<< /Type /Font"
        " /Subtype /CIDFontType0 /BaseFont /HeiseiMin-W3 /CIDSystemInfo << /Registry (Adobe) /Ordering (Japan1)"
        " /Supplement 2 >> >>]"
    )
    first, second = (text.encode("utf-16-be").hex() for text in ("灯台は日没に", "点灯する"))
    content = f"BT /F1 14 Tf 1 0 0 1 450 700 Tm <{first}> Tj [<{second}> 100 <{first}>] TJ ET"
    assert parse(page_of(content, font=font), "a.pdf").text == "灯台は日没に点灯する灯台は日没に"
