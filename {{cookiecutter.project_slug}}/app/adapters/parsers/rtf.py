"""Rich Text Format 1.9.1, read token by token. Pictures, objects and the instructions of fields are skipped."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from app.adapters.parsers.builder import TextBuilder, squeeze
from app.adapters.parsers.office import report_embedded_files
from app.adapters.parsers.raised_digits import raise_digits
from app.adapters.parsers.rtf_colours import PLAIN, WORDS, RtfColours, RtfPaint
from app.adapters.parsers.rtf_scan import rtf_places
from app.adapters.parsers.rtf_tables import RtfTable
from app.adapters.parsers.rtf_words import BREAKS, CHARACTERS, CHARSETS, READ_WHEN_STARRED, SKIPPED, SYMBOLS
from app.adapters.parsers.word_loss import Places, with_word_loss
from app.ingestion.domain.parsed_document import ParsedDocument, Unparsable
from app.safety.domain.text import normalise

_HIDDEN = "text that is not visible to a reader of the document was left out"
_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|[\r\n\0]+|([^\\{}\r\n\0]+)", re.DOTALL
)
_FONT = re.compile(rb"\\f(\d{1,5})\b[^;{}]{0,200}?\\fcharset(\d{1,3})")
_HEADING = re.compile(rb"\\s(\d{1,5})\b[^{};]{0,600}?(?:heading|berschrift|titre) ?([1-9])[;}]", re.IGNORECASE)
_TITLE = re.compile(rb"\{\\title ([^{}]{1,600})\}")
_CHARACTER_SETS = {b"ansi": "cp1252", b"mac": "mac_roman", b"pc": "cp437", b"pca": "cp850"}
_CHARACTER_SET = re.compile(rb"\\(ansi|mac|pca?)(?![a-z])")
_HEAD = 400_000
_MAX_DEPTH = 2_000
_MAX_TINY = 4
_NOTES = {
    b"footnote": "note",
    b"annotation": "Comment:",
    **dict.fromkeys((b"header", b"footer", b"headerf", b"footerf"), ""),
}


@dataclass(frozen=True, slots=True)
class _State:
    """What applies in a group, and ends with it. unseen: why its text is not shown. fallback: characters that stand for
    one of Unicode. apart: the note that its text belongs to. raised: where in the paragraph its raised text begins.
    """

    encoding: str
    skipped: bool = False
    unseen: frozenset[bytes] = frozenset()
    fallback: int = 1
    apart: int | None = None
    raised: int | None = None
    paint: RtfPaint = PLAIN


def parse_rtf(data: bytes, *, repair: bool) -> ParsedDocument:
    return with_word_loss(*read_rtf(data))


def read_rtf(data: bytes) -> tuple[ParsedDocument, Places]:
    """A text, and what it says as it can be counted apart from that. Errors: Unparsable."""
    reader = _Reader(data)
    reader.read(data)
    report_embedded_files(reader.builder, data.count(b"\\objdata"))
    title = _TITLE.search(data[:_HEAD])
    document = reader.builder.build("rtf", _title(title[1], reader.default) if title else "")
    return document, partial(rtf_words, data)


def rtf_words(data: bytes) -> Iterator[tuple[str, str]]:
    """All text that readers see, with its places, by a scan apart from the parser."""
    return ((place, normalise(text).text) for place, text in rtf_places(data, CHARSETS, _code_page(data[:_HEAD])))


def _title(raw: bytes, encoding: str) -> str:
    reader = _Reader(b"", encoding)
    reader.read(b"{" + raw + b"\\par}")
    return reader.builder.build("rtf").text


class _Reader:
    def __init__(self, data: bytes, encoding: str = "") -> None:
        head = data[:_HEAD]
        self.builder = TextBuilder()
        self.default = encoding or _code_page(head)
        self.fonts = {int(number): CHARSETS.get(int(charset), self.default) for number, charset in _FONT.findall(head)}
        self.headings = {int(number): int(level) for number, level in _HEADING.findall(head)}
        self.colours = RtfColours(data, _HEAD)
        self.state = _State(self.default)
        self.groups: list[_State] = []
        self.raw = bytearray()
        self.pieces: list[str] = []
        self.unseen: list[str] = []
        self.notes: list[tuple[str, list[str]]] = []
        self.written = 0
        self.numbered = 0
        self.skip = 0
        self.level = 0
        self.starred = False
        self.table = RtfTable()

    def read(self, data: bytes) -> None:
        at = 0
        while match := _TOKEN.match(data, at):
            at = match.end()
            word, number, hexadecimal, symbol, brace, text = match.groups()
            if text is not None:
                self._bytes(text)
            elif hexadecimal is not None:
                self._bytes(bytes.fromhex(hexadecimal.decode()))
            elif word == b"bin":
                at += max(0, int(number or 0))
            elif word is not None:
                self._decode()
                self._word(word, None if number is None else int(number))
            elif symbol is not None:
                self._symbol(symbol)
            elif brace is not None:
                self._decode()
                if brace == b"}" and len(self.groups) <= 1:
                    break
                self._open() if brace == b"{" else self._close()
        self._end_paragraph()
        self._write_table()

    def _open(self) -> None:
        if len(self.groups) >= _MAX_DEPTH:
            raise Unparsable("nested_too_deep", "The groups of the document are nested too deeply.")
        self.groups.append(self.state)
        self.skip = 0

    def _close(self) -> None:
        before = self.groups.pop()
        if before.raised is None or before.apart != self.state.apart:
            self._end_raised()
        self.state = before
        self.skip = 0

    def _end_raised(self) -> None:
        """Raised digits behind a number are no part of it."""
        if self.state.raised is not None:
            raise_digits(self._shown(), self.state.raised)
            self.state = replace(self.state, raised=None)

    def _shown(self) -> list[str]:
        """What is shown of the paragraph, or of the note."""
        return self.pieces if self.state.apart is None else self.notes[self.state.apart][1]

    def _bytes(self, data: bytes) -> None:
        skipped = min(self.skip, len(data))
        self.skip -= skipped
        self.starred = False
        if not self.state.skipped:
            self.raw += data[skipped:]

    def _decode(self) -> None:
        if self.raw:
            text = self.raw.decode(self.state.encoding, "replace")
            self.raw.clear()
            self._put(text)

    def _put(self, text: str) -> None:
        if self.state.skipped:
            return
        if self.state.unseen:
            self.unseen.append(text)
            return
        if self.unseen and not self.unseen[-1].isspace():
            self.unseen.append(" ")
        self._shown().append(text)

    def _symbol(self, symbol: bytes) -> None:
        self._decode()
        if symbol == b"*":
            self.starred = True
        elif symbol in (b"\n", b"\r"):
            self._word(b"par", None)
        elif self.skip:
            self.skip -= 1
        elif symbol in SYMBOLS:
            self._put(SYMBOLS[symbol])

    def _word(self, word: bytes, number: int | None) -> None:
        starred, self.starred = self.starred, False
        if word == b"u" and number is not None:
            self._put(chr(number % 0x10000))
            self.skip = self.state.fallback
            return
        self.skip = 0
        if word in SKIPPED or (starred and word not in READ_WHEN_STARRED):
            self.state = replace(self.state, skipped=True)
        elif word in (b"ud", b"result"):
            self.state = replace(self.state, skipped=False)
        elif self.state.skipped:
            return
        elif word in CHARACTERS:
            self._put(CHARACTERS[word])
        elif word == b"shptxt":
            self._put("\n")
        elif word in BREAKS:
            self._end_paragraph() if self.state.apart is None else self._put("\n")
        elif word in _NOTES:
            self._open_note(word)
        elif not self.table.define(word):
            self._format(word, number)

    def _format(self, word: bytes, number: int | None) -> None:
        if word in (b"v", b"deleted"):
            self.show(word, seen=number == 0)
        elif word in WORDS:
            _paint(self, self.state.paint.after(word, number or 0))
        elif word == b"fs":
            self.show(word, seen=number is None or number > _MAX_TINY)
        elif word in (b"super", b"nosupersub", b"sub"):
            self._end_raised()
            if word == b"super" and number != 0:
                self.state = replace(self.state, raised=len(self._shown()))
        elif word == b"plain":
            self._end_raised()
            paint = replace(PLAIN, paragraph=self.state.paint.paragraph)
            self.state = replace(self.state, unseen=frozenset(), encoding=self.default, paint=paint)
        elif word == b"f":
            self.state = replace(self.state, encoding=self.fonts.get(number or 0, self.default))
        elif word == b"uc":
            self.state = replace(self.state, fallback=max(0, min(number or 0, 100)))
        elif word == b"chftn":
            self._put(f" [{self.numbered + 1}]" if self.state.apart is None else "")
        elif word in (b"cell", b"row", b"nestcell", b"nestrow"):
            self._table(word)
        elif word in _PARAGRAPH_WORDS:
            self.level = _PARAGRAPH_WORDS[word](self, number)

    def show(self, why: bytes, *, seen: bool) -> None:
        unseen = self.state.unseen - {why} if seen else self.state.unseen | {why}
        self.state = replace(self.state, unseen=unseen)

    def _open_note(self, word: bytes) -> None:
        label = _NOTES[word]
        if label == "note":
            self.numbered += 1
            label = f"[{self.numbered}]"
        self.notes.append((label, []))
        self.state = replace(self.state, apart=len(self.notes) - 1, raised=None)

    def _table(self, word: bytes) -> None:
        if word == b"row":
            self.table.end_row()
        elif word == b"cell":
            self.table.end_cell(self._taken())
        else:
            self._put(" ")

    def _end_paragraph(self) -> None:
        self._decode()
        if self.unseen:
            self.builder.hide(_text(self.unseen), _HIDDEN)
            self.unseen.clear()
        if self.table.in_row:
            self.pieces.append("\n")
            return
        if text := self._taken():
            self._write_table()
            self.builder.heading(self.level, text) if self.level else self.builder.block(text)
        for label, pieces in self.notes[self.written :]:
            text = squeeze(_text(pieces))
            self.builder.block(f"{label} {text}" if text else "")
        self.written = len(self.notes)

    def _taken(self) -> str:
        """The text of the paragraph or cell, which is begun anew."""
        if self.state.raised is not None and self.state.apart is None:
            raise_digits(self.pieces, self.state.raised)
            self.state = replace(self.state, raised=0)
        text = _text(self.pieces)
        self.pieces.clear()
        return text

    def _write_table(self) -> None:
        self.table.write(self.builder)


def _style(reader: _Reader, number: int | None) -> int:
    return reader.headings.get(number or 0, 0)


def _outline(reader: _Reader, number: int | None) -> int:
    return number + 1 if number is not None and 0 <= number < 9 else reader.level


def _default_paragraph(reader: _Reader, number: int | None) -> int:
    reader.table.in_row = False
    _paint(reader, replace(reader.state.paint, paragraph=0))
    return 0


def _paint(reader: _Reader, paint: RtfPaint) -> None:
    reader.state = replace(reader.state, paint=paint)
    reader.show(b"cf", seen=not reader.colours.fades(paint, in_row=reader.table.in_row))


_PARAGRAPH_WORDS: Mapping[bytes, Callable[[_Reader, int | None], int]] = {
    b"s": _style,
    b"outlinelevel": _outline,
    b"pard": _default_paragraph,
}


def _text(pieces: list[str]) -> str:
    joined = "".join(pieces).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return "\n".join(filter(None, map(squeeze, joined.split("\n"))))


def _code_page(head: bytes) -> str:
    page, named = re.search(rb"\\ansicpg(\d{1,5})", head), _CHARACTER_SET.search(head[:200])
    name = f"cp{int(page[1])}" if page else _CHARACTER_SETS[named[1]] if named else "cp1252"
    if name == "cp10000":
        return "mac_roman"
    try:
        "".encode(name)
    except LookupError:
        return "cp1252"
    return name
