"""A PDF file whose text was not read as it looks is quarantined with the reason, and a good one is published."""

from tests.adapters.parsers.made_pdf import line, page_of, stream
from tests.ingestion.domain.test_garbled import TEXTS, shifted
from tests.ingestion.test_gates import end_of

WORDS = TEXTS["en"].replace(",", "").split()
FORM = (
    "/Type /XObject /Subtype /Form /BBox [0 0 600 800] "
    "/Resources << /Font << /F1 5 0 R >> /XObject << /Next {} 0 R >> >>"
)


def lines(*texts: str) -> str:
    return " ".join(line(text, 60, 740 - 16 * number) for number, text in enumerate(texts))


def in_lines(words: list[str]) -> str:
    return lines(*(" ".join(words[start : start + 6]) for start in range(0, len(words), 6)))


def without_map() -> bytes:
    """A font whose codes are numbers of glyphs, and that does not tell their letters."""
    font = "/Subtype /Type0 /BaseFont /Subset /Encoding /Identity-H /DescendantFonts [6 0 R]"
    descendant = "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Subset /DW 600 >>"
    codes = "".join(f"{ord(letter) - 29:04x}" for letter in "The ferry leaves at six in summer")
    return page_of(f"BT /F1 12 Tf 60 700 Td <{codes}> Tj ET", descendant, font=font)


def within_forms(depth: int) -> bytes:
    """A sentence on the page, and one in a form that is within so many others."""
    forms = [stream("/Next Do", FORM.format(number + 1)) for number in range(6, 6 + depth)]
    content = f"{lines('The office is open.')} /Next Do"
    last = stream(line("The ferry leaves at six.", 60, 600), FORM.format(6))
    return page_of(content, *forms, last, resources="/XObject << /Next 6 0 R >>")


FILES = {
    "good.pdf": (page_of(in_lines(WORDS)), "published"),
    "without-map.pdf": (without_map(), "garbled_text"),
    "shifted.pdf": (page_of(in_lines([shifted(word, 3) for word in WORDS])), "garbled_text"),
    "doubled.pdf": (page_of(in_lines(["".join(2 * letter for letter in word) for word in WORDS])), "garbled_text"),
    "without-blanks.pdf": (page_of(lines("".join(WORDS[:12]), "".join(WORDS[12:24]))), "garbled_text"),
    "word-a-line.pdf": (page_of(lines(*TEXTS["en"].split())), "garbled_text"),
    "few-forms.pdf": (within_forms(5), "published"),
    "deep-forms.pdf": (within_forms(16), "lost_words"),
}


async def test_what_was_not_read_as_it_looks_is_not_served(ingest, search) -> None:
    documents = await ingest(*((name, data) for name, (data, _) in FILES.items()))
    ends = {name: end_of(document) for name, document in zip(FILES, documents, strict=True)}
    assert ends == {name: end for name, (_, end) in FILES.items()}
    details = {name: document["quarantine"]["detail"] for name, document in zip(FILES, documents, strict=True)
               if document["quarantine"]}  # fmt: skip
    assert details["without-map.pdf"] == "The file does not tell which letters its signs stand for."
    assert details["deep-forms.pdf"] == "5 of 9 words of the file (55.6%) were not read: 5 in page 1."
    assert all("ferry leaves at six" in text or "island" in text for text in await search("When does the ferry leave?"))
