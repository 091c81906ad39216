"""What a reader of a PDF page sees is read, in the order in which it is read, with whole words."""

from pathlib import Path

import pytest

from app.adapters.parsers.dispatch import parse
from tests.adapters.parsers.made_pdf import line, page_of, picture, stream

CASES = Path(__file__).parents[2] / "data" / "field-cases"
FIELD = {
    "pdf-aes256-empty-user-password.pdf": "Ship Berth Draft\nAlca 4 6.1 m\nBruma 5.5 m",
    "pdf-filled-form.pdf": "Application for a locker\nLocker number: B-217\nReason: Rowing gear for the spring term",
    "pdf-frame-as-one-path.pdf": "Berth four is for the pilot boat.\n\nBerth five is for guests.\n\n"
    "The harbour office is open all night.",
    "pdf-ligature-hyphen.pdf": "The official specification of the self-service desk is a well-known one.",
    "pdf-ocr-text-below-image.pdf": "The ferry to the island leaves at half past six.",
}
FULL, STRIP, SMALL = (
    "q 600 0 0 800 0 0 cm /Im Do Q",
    "q 600 0 0 300 0 {} cm /Im Do Q",
    "q 200 0 0 60 60 680 cm /Im Do Q",
)
SEEN = "The ferry leaves at six."
OCR = line(SEEN, before="3 Tr")
WHITE = f"q 1 g {line(SEEN)} Q"
PICTURE, BLANK = picture(), picture(bytes(64))
FORM = stream(
    f"{FULL} {OCR}",
    "/Type /XObject /Subtype /Form /BBox [0 0 600 800] /Resources << /Font << /F1 5 0 R >> /XObject << /Im 6 0 R >> >>",
)
SHADING = (
    "<< /ShadingType 2 /ColorSpace /DeviceRGB /Coords [0 0 600 0] /Function << /FunctionType 2 /Domain [0 1] "
    "/C0 [0 0 1] /C1 [1 0 0] /N 1 >> >>"
)
VISIBLE = {
    "recognised text below a scan": (f"{OCR} {FULL}", [PICTURE]),
    "recognised text above a scan": (f"{FULL} {OCR}", [PICTURE]),
    "recognised text below an even picture": (f"{OCR} {FULL}", [BLANK]),
    "recognised text with the picture in a form": ("/Fm Do", [PICTURE, FORM]),
    "a scan in strips": (f"{OCR} {STRIP.format(0)} {STRIP.format(300)} {STRIP.format(500)}", [PICTURE]),
    "white text below a scan": (f"{WHITE} {FULL}", [PICTURE]),
    "black text below a scan": (f"{line(SEEN)} {FULL}", [PICTURE]),
    "a frame of four bars": (f"60 690 200 1 re 60 715 200 1 re 60 690 1 25 re 260 690 1 26 re f {line(SEEN)}", []),
    "a grid of bars": (
        " ".join(f"50 {y} 300 1 re" for y in range(650, 750, 25)) + " 50 650 1 75 re 350 650 1 75 re f " + line(SEEN),
        [],
    ),
    "a frame with a hole": (f"40 680 300 50 re 45 685 290 40 re f* {line(SEEN)}", []),
    "a frame drawn in turns": (
        f"40 680 m 340 680 l 340 730 l 40 730 l h 45 685 m 45 725 l 335 725 l 335 685 l h f {line(SEEN)}",
        [],
    ),
    "a later frame with a hole": (f"{line(SEEN)} 0 g 40 680 300 50 re 45 685 290 40 re f*", []),
    "an open corner": (f"40 600 m 400 600 l 400 610 l 50 610 l 50 760 l 40 760 l h f {line(SEEN)}", []),
    "white on a shading": (f"q 50 690 300 30 re W n /Sh sh Q {WHITE}", [SHADING]),
    "white on a pattern": (f"/Pattern cs /P scn 50 690 300 30 re f {WHITE}", []),
    "white on a round shape": (f"0 g 200 705 m 400 905 600 505 200 505 c -200 505 0 905 200 705 c f {WHITE}", []),
    "white on two boxes side by side": (f"0 g 50 690 75 30 re 125 690 200 30 re f {WHITE}", []),
    "a letter upside down": ("BT /F1 -12 Tf -1 0 0 -1 60 700 Tm (The ferry leaves at six.) Tj ET", []),
}
HIDDEN = {
    "recognised text without a picture": (OCR, []),
    "recognised text on a small picture": (f"{OCR} {SMALL}", [PICTURE]),
    "recognised text beside a picture": (f"{line(SEEN, y=300, before='3 Tr')} {STRIP.format(400)}", [PICTURE]),
    "white text beside bars": (f"0 g 60 690 200 1 re 60 715 200 1 re f {WHITE}", []),
    "white text in a hole": (f"0 g 40 680 300 50 re 45 685 290 40 re f* {WHITE}", []),
    "text below an even picture": (f"{line(SEEN)} {FULL}", [BLANK]),
    "recognised text, painted over": (f"{FULL} {OCR} 1 g 40 680 300 50 re f", [PICTURE]),
}


def drawn(content: str, objects: list[bytes | str]) -> bytes:
    resources = "/XObject << /Im 6 0 R /Fm 7 0 R >> /Shading << /Sh 6 0 R >>"
    return page_of(f"{content} {line('The office.', y=100)}", *objects, resources=resources)


@pytest.mark.parametrize(("name", "text"), FIELD.items())
def test_files_from_the_field(name: str, text: str) -> None:
    document = parse((CASES / name).read_bytes(), name)
    assert (document.text, document.hidden) == (text, "")
    assert document.loss is not None
    assert (document.loss.total, document.loss.found > 8) == (0, True)


@pytest.mark.parametrize(("content", "objects"), VISIBLE.values(), ids=VISIBLE)
def test_what_the_page_shows_is_text(content: str, objects: list[bytes | str]) -> None:
    document = parse(drawn(content, objects), "a.pdf")
    assert document.text.split("\n\n") in ([SEEN, "The office."], ["The office.", SEEN])
    assert document.hidden == ""


@pytest.mark.parametrize(("content", "objects"), HIDDEN.values(), ids=HIDDEN)
def test_what_it_does_not_show_is_not(content: str, objects: list[bytes | str]) -> None:
    document = parse(drawn(content, objects), "a.pdf")
    assert SEEN not in document.text
    assert document.hidden.replace("\n", " ").startswith(SEEN)


@pytest.mark.parametrize("algorithm", ["RC4-40", "RC4-128", "AES-128", "AES-256-R5", "AES-256"])
def test_a_file_that_opens_without_a_password_is_read(algorithm: str) -> None:
    from io import BytesIO

    from pypdf import PdfReader, PdfWriter

    writer, target = PdfWriter(clone_from=PdfReader(BytesIO(page_of(line(SEEN))))), BytesIO()
    writer.encrypt("", "owner", algorithm=algorithm)
    writer.write(target)
    document = parse(target.getvalue(), "a.pdf")
    assert document.text == SEEN
    assert document.loss is not None
    assert (document.loss.found, document.loss.total) == (5, 0)


HELVETICA = "/Subtype /Type1 /BaseFont /Helvetica"
MAP = """begincmap 1 begincodespacerange <00> <ff> endcodespacerange
4 beginbfchar <01> <FB01> <02> <FB04> <03> <F0B7> <04> <00660066> endbfchar
1 beginbfrange <20> <7e> <0020> endbfrange endcmap"""
LETTERS = {
    "named ligatures": (
        r"o\001ce \002ight \003oor",
        f"{HELVETICA} /Encoding << /Differences [1 /ffi /fl /f_l] >>",
        "office flight floor",
    ),
    "mapped ligatures": (r"\001ve wa\002es o\004er", f"{HELVETICA} /ToUnicode 6 0 R", "five waffles offer"),
    "a bullet of a symbol font": (r"\003 first", f"{HELVETICA} /ToUnicode 6 0 R", "• first"),
    "a bullet without a meaning": (r"\001 first", f"{HELVETICA} /Encoding /WinAnsiEncoding", "• first"),
    "a bullet as a control character": (r"\225 first", f"{HELVETICA}", "• first"),
    "a sign in the line": (r"first \001 second", f"{HELVETICA} /Encoding /WinAnsiEncoding", "first second"),
    "a soft hyphen": (r"time\255table", f"{HELVETICA} /Encoding /WinAnsiEncoding", "timetable"),
}


@pytest.mark.parametrize(("codes", "font", "text"), LETTERS.values(), ids=LETTERS)
def test_letters_are_those_of_the_language(codes: str, font: str, text: str) -> None:
    assert parse(page_of(line(codes), stream(MAP), font=font), "a.pdf").text == text


def at(*texts: tuple[str, float, float]) -> str:
    return " ".join(line(text, x, y) for text, x, y in texts)


SPREAD = " ".join(f"({letter}) -{900 if number == 7 else 250}" for number, letter in enumerate("harbouroffice", 1))
LINES = {
    "gaps between words": (
        "BT /F1 12 Tf 60 700 Td [(The)-300(ferry)-250(leaves)-20( at)] TJ ET",
        "The ferry leaves at",
    ),
    "kerning within a word": ("BT /F1 12 Tf 60 700 Td [(F)60(er)-30(r)-60(y)] TJ ET", "Ferry"),
    "a letter at a time": (
        at(("T", 60, 700), ("h", 67.4, 700), ("e", 74, 700), ("r", 84, 700), ("u", 88, 700), ("n", 94.7, 700)),
        "The run",
    ),
    "words that do not quite stand on a line": (
        at(("The", 60, 700), ("ferry", 84, 701.5), ("leaves", 115, 699)),
        "The ferry leaves",
    ),
    "words in any order": (at(("leaves", 115, 700), ("The", 60, 700), ("ferry", 84, 700)), "The ferry leaves"),
    "spaced letters": (f"BT /F1 12 Tf 60 700 Td [{SPREAD}] TJ ET", "harbour office"),
    "spacing between letters": ("BT /F1 12 Tf 4 Tc 60 700 Td (The ferry) Tj ET", "The ferry"),
    "bold by drawing twice": (at(("The ferry", 60, 700), ("The ferry", 60.4, 700)), "The ferry"),
    "bold, letter by letter": ("BT /F1 12 Tf 60 700 Td [(T) 575 (T) (h) 530 (h) (e) 530 (e)] TJ ET", "The"),
    "a word that is there twice": (at(("ferry", 60, 700), ("ferry", 90, 700)), "ferry ferry"),
    "double letters": (at(("l", 60, 700), ("l", 62.7, 700)), "ll"),
    "a raised sign": (
        "BT /F1 12 Tf 60 700 Td (area) Tj /F1 7 Tf 5 Ts (2) Tj /F1 12 Tf 0 Ts ( left) Tj ET",
        "area2 left",
    ),
    "a line upwards": ("BT /F1 12 Tf 0 1 -1 0 60 200 Tm (The ferry) Tj 0 -14 Td (leaves.) Tj ET", "The ferry\nleaves."),
    "a line downwards": (
        "BT /F1 12 Tf 0 -1 1 0 60 600 Tm (The ferry) Tj 0 -14 Td (leaves.) Tj ET",
        "The ferry\nleaves.",
    ),
    "a slanted line": ("BT /F1 12 Tf 0.7 0.7 -0.7 0.7 60 200 Tm (The) Tj ( ferry) Tj ET", "The ferry"),
    "the next line": ("BT /F1 12 Tf 14 TL 60 700 Td (The) Tj (ferry) ' T* 1 2 (leaves) \" ET", "The\nferry\nleaves"),
    "a form": ("q 1 0 0 1 0 -50 cm /Fm Do Q", "Within."),
    "a form in itself": (f"/Loop Do {line('Once.')}", "Once."),
}


@pytest.mark.parametrize(("content", "text"), LINES.values(), ids=LINES)
def test_words_and_lines_are_whole(content: str, text: str) -> None:
    resources = "<< /Font << /F1 5 0 R >> /XObject << /Loop 7 0 R >> >>"
    shape = f"/Type /XObject /Subtype /Form /BBox [0 0 600 800] /Resources {resources}"
    objects = [stream(line("Within."), shape), stream("/Loop Do", shape)]
    document = parse(page_of(content, *objects, resources="/XObject << /Fm 6 0 R /Loop 7 0 R >>"), "a.pdf")
    assert (document.text, document.hidden) == (text, "")


LEFT = [
    "The ferry to the island leaves",
    "at half past six in summer and",
    "at seven in the winter months",
    "unless the harbour is frozen.",
]
RIGHT = [
    "Guests of the yacht club moor",
    "at the second pier, which has",
    "water and light at each berth",
    "and a guard during the night.",
]
ROWS = [("Gloves", "40 boxes"), ("Lanterns", "9 boxes"), ("Ropes and hooks", "12 coils"), ("Paint", "3 cans")]
QUESTIONS = [
    ("How do I renew a card?", "At the desk on the first floor."),
    ("What does it cost me?", "Nothing within the first year."),
    ("Who may borrow books?", "Everybody older than six years."),
    ("When do you open?", "At nine in the morning, daily."),
]


def columns(*, shift: float = 0, by_row: bool = True) -> str:
    left = [(text, 60, 700 - 14 * number) for number, text in enumerate(LEFT)]
    right = [(text, 320, 700 - shift - 14 * number) for number, text in enumerate(RIGHT)]
    return at(*(each for pair in zip(left, right, strict=True) for each in pair) if by_row else (*right, *left))


@pytest.mark.parametrize("shift", [0, 5, 9, -10, -14, -18])
@pytest.mark.parametrize("by_row", [True, False])
def test_columns_are_read_one_after_the_other(shift: float, by_row: bool) -> None:
    content = columns(shift=shift, by_row=by_row)
    title, foot = (
        "Notes for the guests of the harbour and of its club",
        "Printed by the harbour office, which also answers.",
    )
    page = page_of(f"{line(title, 120, 750)} {content} {line(foot, 120, 600)}")
    assert parse(page, "a.pdf").text.split("\n\n") == [title, "\n".join([*LEFT, *RIGHT]), foot]


def test_the_rows_of_a_table_stay_together() -> None:
    cells = [
        (cell, x, 700 - 14 * number) for number, row in enumerate(ROWS) for x, cell in zip((60, 320), row, strict=True)
    ]
    assert parse(page_of(at(*cells)), "a.pdf").text.split("\n") == [f"{item} {limit}" for item, limit in ROWS]


def test_a_lonely_line_on_the_right_above_columns_is_no_part_of_them() -> None:
    page = page_of(f"{line('Page 3 of 9', 400, 760)} {columns()}")
    assert parse(page, "a.pdf").text.split("\n\n")[0] == "Page 3 of 9"


def test_letters_of_arabic_are_read_and_not_their_forms() -> None:
    codes = "begincmap 3 beginbfchar <41> <FEE1> <42> <FEFC> <43> <FEB3> endbfchar endcmap"
    page = page_of(line("ABC", 60), stream(codes), font=f"{HELVETICA} /ToUnicode 6 0 R")
    assert parse(page, "a.pdf").text == "سلام"


def test_lines_that_run_to_the_left_are_read_from_the_right() -> None:
    codes = "begincmap 2 beginbfrange <41> <5b> <05D0> <20> <39> <0020> endbfrange endcmap"
    page = page_of(line("DCBA 12 GFE", 60), stream(codes), font=f"{HELVETICA} /ToUnicode 6 0 R")
    assert parse(page, "a.pdf").text == "\u05d4\u05d5\u05d6 12 \u05d0\u05d1\u05d2\u05d3"
