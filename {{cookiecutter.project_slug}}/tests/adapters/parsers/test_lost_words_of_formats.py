"""What a parser leaves out is counted as lost, because another reading of the file finds it."""

from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import pytest

from app.adapters.parsers import mail, markdown, rtf, xls
from app.adapters.parsers.dispatch import parse
from app.ingestion.domain.parsed_document import WordLoss
from tests.adapters.parsers.test_spreadsheets import DATA

RTF = (
    rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 Arial;}}{\info{\title No}}"
    rb"\pard The {\b la}mp is lit at caf\'e9 \u8364?5.\par {\footnote One note of the keeper.} \f1 \'cf\'f0\'e8\'e2\par"
    rb"{\field{\*\fldinst HYPERLINK}{\fldrslt A field}}{\*\shpinst{\sp{\sn x}{\sv 1}}{\shptxt Some box\par}}}"
)
MARKDOWN = b"---\ntitle: No\n---\n# The lamp\n\nIt is <!-- not --> lit.\n\nThe last line."


def message() -> bytes:
    one = EmailMessage()
    one["From"], one["Subject"] = "ann@example.org", "Notice"
    one.set_content("The lamp is lit.")
    one.add_alternative("<p>The <b>lamp</b> is lit, for those who like pictures.</p>", subtype="html")
    one.make_mixed()
    two = EmailMessage()
    two.set_content("<p>A second text of the keeper.</p>", subtype="html")
    one.attach(two)
    one.add_attachment(b"No words of the message.", maintype="text", subtype="plain", filename="a.txt")
    return bytes(one)


def loss(data: bytes, name: str) -> WordLoss:
    found = parse(data, name, repair=False).loss
    assert found is not None
    return found


@pytest.fixture
def files() -> dict[str, bytes]:
    return {
        "a.rtf": RTF,
        "a.eml": message(),
        "a.md": MARKDOWN,
        "fees.xls": (DATA / "field-cases" / "xls-fees.xls").read_bytes(),
    }


@pytest.mark.parametrize(("name", "count"), [("a.rtf", 17), ("a.eml", 14), ("a.md", 9), ("fees.xls", None)])
def test_a_parser_that_reads_everything_loses_nothing(files: dict[str, bytes], name: str, count: int | None) -> None:
    found = loss(files[name], name)
    assert dict(found.lost) == {}
    assert found.found == count if count else found.found > 3


def _only_the_first(*args: Any) -> None:
    args[0].block("Nothing else.")


@pytest.mark.parametrize(
    ("name", "place", "lost", "detach"),
    [
        ("a.rtf", "note", 5, lambda patch: patch.setattr(rtf, "SKIPPED", rtf.SKIPPED | {b"footnote"})),
        ("a.rtf", "text box", 2, lambda patch: patch.setattr(rtf, "SKIPPED", rtf.SKIPPED | {b"shptxt"})),
        ("a.rtf", "text", 2, lambda patch: patch.setattr(rtf, "SKIPPED", rtf.SKIPPED | {b"fldrslt"})),
        ("a.eml", "part 5, page", 5, lambda patch: patch.setattr(mail.TextBuilder, "include", lambda *_, **__: None)),
        ("a.md", "line 8", 3, lambda patch: patch.setattr(markdown, "_cut", lambda source, _: (source[:-14], int))),
        ("fees.xls", "sheet Fees", None, lambda patch: patch.setattr(xls, "write_rows", _only_the_first)),
    ],
)
def test_words_that_a_parser_leaves_out_are_counted_with_their_place(
    files: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    place: str,
    lost: int | None,
    detach: Callable[[pytest.MonkeyPatch], None],
) -> None:
    detach(monkeypatch)
    found = loss(files[name], name)
    assert found.total == found.lost.get(place) == lost if lost else found.total > 2, found
