"""Numbers of lists and headings are part of the text, as Word shows them."""

import pytest

from tests.adapters.parsers.word_files import paragraph, part, read, text_of, word


def level(depth: int, kind: str, text: str, more: str = "", start: int = 1) -> str:
    numbered = f'<w:start w:val="{start}"/><w:numFmt w:val="{kind}"/>{more}<w:lvlText w:val="{text}"/>'
    return f'<w:lvl w:ilvl="{depth}">{numbered}</w:lvl>'


def lists(*levels: str, more: str = "") -> str:
    """List 1 has these levels; 2 counts on from it; 3 starts again at 5; 4 has bullets instead."""

    def number(name: int, override: str = "") -> str:
        inside = f'<w:lvlOverride w:ilvl="0">{override}</w:lvlOverride>' if override else ""
        return f'<w:num w:numId="{name}"><w:abstractNumId w:val="0"/>{inside}</w:num>'

    abstract = f'<w:abstractNum w:abstractNumId="0">{"".join(levels)}</w:abstractNum>'
    bullets = '<w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/><w:lvlText w:val="x"/></w:lvl>'
    others = number(3, '<w:startOverride w:val="5"/>') + number(4, bullets)
    return part("w:numbering", abstract + number(1) + number(2) + others + more)


def item(text: str, depth: int = 0, number: int = 1) -> str:
    numbered = f'<w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="{number}"/></w:numPr>'
    return paragraph(text, properties=numbered)


DECIMAL = (level(0, "decimal", "%1."), level(1, "decimal", "%1.%2."), level(2, "lowerLetter", "%3)"))
LEGAL = (level(0, "upperRoman", "Article %1"), level(1, "decimal", "%1.%2", "<w:isLgl/>"))
NEVER = (level(0, "decimal", "%1."), level(1, "decimal", "%2.", '<w:lvlRestart w:val="0"/>'))
NUMBERED = {
    "levels": (DECIMAL, [(0, 1), (1, 1), (1, 1), (2, 1), (0, 1), (1, 1)], ["1.", "1.1.", "1.2.", "a)", "2.", "2.1."]),
    "a list that counts on": (DECIMAL, [(0, 1), (0, 2), (0, 1)], ["1.", "2.", "3."]),
    "a list that starts again": (DECIMAL, [(0, 1), (0, 3), (0, 3), (1, 3)], ["1.", "5.", "6.", "6.1."]),
    "a lower level first": (DECIMAL, [(1, 1), (0, 1)], ["1.1.", "2."]),
    "legal numbers": (LEGAL, [(0, 1), (1, 1), (0, 1), (1, 1)], ["Article I", "1.1", "Article II", "2.1"]),
    "a level that goes on": (NEVER, [(0, 1), (1, 1), (0, 1), (1, 1)], ["1.", "1.", "2.", "2."]),
    "bullets": (DECIMAL, [(0, 4), (0, 4)], ["-", "-"]),
    "another start": ((level(0, "decimal", "§ %1", start=7),), [(0, 1), (0, 1)], ["§ 7", "§ 8"]),
    "no number": (DECIMAL, [(0, 0), (0, 9)], ["", ""]),
}
KINDS = {
    "upperRoman": ["I", "IV", "XL", "MCMXCIX"],
    "lowerRoman": ["i", "iv", "xl", "mcmxcix"],
    "upperLetter": ["A", "D", "NN", "W" * 50],
    "decimalZero": ["01", "04", "40", "1999"],
    "ordinal": ["1st", "4th", "40th", "1999th"],
    "cardinalText": ["One", "Four", "40", "1999"],
    "chineseCounting": ["一", "四", "四十", "1999"],
    "none": ["", "", "", ""],
}


@pytest.mark.parametrize(("levels", "items", "expected"), NUMBERED.values(), ids=NUMBERED)
def test_the_number_of_an_item_is_part_of_its_text(levels, items, expected) -> None:
    read = text_of(*[item("x", depth, number) for depth, number in items], numbering=lists(*levels))
    assert [line.removesuffix("x").strip() for line in read.split("\n") if line] == expected


@pytest.mark.parametrize(
    ("bullet", "font", "expected"),
    [("•", "Arial", "-"), ("\uf0b7", "Symbol", "-"), ("☐", "", "☐"), ("\uf0fe", "Wingdings", "☒"), ("", "", "-")],
)
def test_a_bullet_is_a_dash_unless_it_says_whether_the_item_is_done(bullet: str, font: str, expected: str) -> None:
    numbering = lists(level(0, "bullet", bullet, f'<w:rPr><w:rFonts w:ascii="{font}"/></w:rPr>'))
    assert text_of(item("x"), numbering=numbering) == f"{expected} x"


@pytest.mark.parametrize(("kind", "expected"), KINDS.items())
def test_numbers_are_written_as_word_writes_them(kind: str, expected: list[str]) -> None:
    for start, written in zip((1, 4, 40, 1999), expected, strict=True):
        numbering = lists(level(0, kind, "%1", start=start))
        assert text_of(item("x"), numbering=numbering) == f"{written} x".strip()


STYLES = part("w:styles", "".join(
    f'<w:style w:type="paragraph" w:styleId="{name}"><w:name w:val="{title}"/>{more}</w:style>'
    for name, title, more in (
        ("H1", "heading 1", '<w:pPr><w:numPr><w:numId w:val="1"/></w:numPr><w:outlineLvl w:val="0"/></w:pPr>'),
        ("H2", "Rubrik 2", '<w:pPr><w:numPr><w:ilvl w:val="1"/><w:numId w:val="1"/></w:numPr>'
                           '<w:outlineLvl w:val="1"/></w:pPr>'),
        ("Mine", "My chapter", '<w:basedOn w:val="H2"/>'),
        ("Toc", "TOC Heading", '<w:basedOn w:val="H1"/><w:pPr><w:numPr><w:numId w:val="0"/></w:numPr>'
                               '<w:outlineLvl w:val="9"/></w:pPr>'),
    )))  # fmt: skip


def test_headings_are_known_by_their_level_and_carry_their_numbers() -> None:
    titles = (("Contents", "Toc"), ("Scope", "H1"), ("Who", "H2"), ("Why", "Mine"), ("Fees", "H1"))
    body = [paragraph(text, properties=f'<w:pStyle w:val="{style}"/>') for text, style in titles]
    document = read(word(*body, parts={"styles": STYLES, "numbering": lists(*DECIMAL)}))
    found = [(heading.level, heading.title) for heading in document.headings]
    assert found == [(1, "1. Scope"), (2, "1.1. Who"), (2, "1.2. Why"), (1, "2. Fees")]
