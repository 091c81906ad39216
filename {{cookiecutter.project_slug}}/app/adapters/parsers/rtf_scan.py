"""The text of an RTF file as a scan of its groups finds it, apart from the parser: only to see what that lost."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

_TOKEN = re.compile(
    rb"\\(?P<word>[a-z]{1,32})(?P<number>-?\d{1,10})? ?|\\'(?P<byte>[0-9a-f]{2})|\\(?P<symbol>[^a-z])"
    rb"|(?P<brace>[{}])|(?P<text>[^\\{}\r\n\0]+)",
    re.IGNORECASE | re.DOTALL,
)
_SILENT = frozenset(
    b"fonttbl colortbl stylesheet listtable listoverridetable revtbl rsidtbl filetbl xmlnstbl info pict objdata fldinst"
    b" nonshppict shprslt themedata colorschememapping datastore latentstyles generator private docvar xe tc sp upr"
    b" ftnsep ftnsepc ftncn aftnsep aftnsepc aftncn atnid atnauthor atndate atnref template formfield mmathPr pgptbl"
    b" listpicture datafield userprops background object".split()
)
"""Groups that begin with these are about the document, or hold no text."""
_SPOKEN = frozenset(b"shpinst shptxt listtext annotation fldrslt ud footnote pntext nestcell".split())
"""Groups of readers, though programs that do not know them may skip them."""
_APART = {b"footnote": "note", b"annotation": "comment", b"shptxt": "text box"}
_APART |= {b"header": "page header", b"footer": "page footer", b"headerf": "page header", b"footerf": "page footer"}
_SPOKEN_AGAIN = frozenset({b"ud", b"result"})
_BREAKS = frozenset(b"par line page sect column tab cell row nestcell nestrow softline lbr emspace enspace".split())
_SYMBOLS = {b"~": " ", b"_": "-", b"{": "{", b"}": "}", b"\\": "\\", b"\n": "\n", b"\r": "\n", b"\t": "\t"}
_DASHES = {b"emdash": "-", b"endash": "-", b"bullet": " ", b"lquote": "'", b"rquote": "'"}
_DASHES |= {b"ldblquote": '"', b"rdblquote": '"'}
_FONT = re.compile(rb"\\f(\d{1,5})\b[^;{}]{0,200}?\\fcharset(\d{1,3})")


class _Group(NamedTuple):
    """fallback: how many characters stand for one of Unicode."""

    place: str
    encoding: str
    silent: bool = False
    fallback: int = 1


def rtf_places(data: bytes, charsets: Mapping[int, str], default: str) -> Iterator[tuple[str, str]]:
    """The text of each place. charsets: the encodings of fonts by their charset."""
    fonts = {int(number): charsets.get(int(charset), default) for number, charset in _FONT.findall(data)}
    scan, at = _Scan(fonts, default), 0
    while match := _TOKEN.search(data, at):
        at = match.end()
        if match["word"] == b"bin":
            at += max(0, int(match["number"] or 0))
        elif not match["brace"]:
            scan.token(match)
        elif match["brace"] == b"{":
            scan.open()
        elif not scan.close():
            break
    for place, pieces in scan.texts.items():
        yield place, "".join(pieces)


class _Scan:
    def __init__(self, fonts: Mapping[int, str], default: str) -> None:
        self.texts: dict[str, list[str]] = defaultdict(list)
        self._fonts, self._default = fonts, default
        self._groups: list[_Group] = []
        self._now = _Group("text", default)
        self._raw = bytearray()
        """Bytes of text; or units of UTF-16, when the last word was one."""
        self._is_unicode = self._starred = False
        self._skip = 0

    def open(self) -> None:
        self._end()
        self._groups.append(self._now)

    def close(self) -> bool:
        """False at the end of the document."""
        self._end()
        self._now = self._groups.pop() if self._groups else self._now
        return bool(self._groups)

    def token(self, match: re.Match[bytes]) -> None:
        starred, self._starred = self._starred, match["symbol"] == b"*"
        if match["word"]:
            self._word(match["word"], match["number"], starred=starred)
        elif match["symbol"]:
            self._put(_SYMBOLS.get(match["symbol"], ""))
        else:
            data = bytes.fromhex(match["byte"].decode()) if match["byte"] else match["text"]
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            self._add(data[skipped:], is_unicode=False)

    def _word(self, word: bytes, number: bytes | None, *, starred: bool) -> None:
        if word == b"u" and number:
            self._add((int(number) % 0x10000).to_bytes(2, "little"), is_unicode=True)
            self._skip = self._now.fallback
            return
        self._end()
        if word in _SILENT or (starred and word not in _SPOKEN):
            self._now = self._now._replace(silent=True)
        elif word in _SPOKEN_AGAIN:
            self._now = self._now._replace(silent=False)
        elif word in _APART:
            self._now = self._now._replace(place=_APART[word])
            self._put("\n")
        elif word in (b"f", b"plain"):
            font = int(number or 0) if word == b"f" else -1
            self._now = self._now._replace(encoding=self._fonts.get(font, self._default))
        elif word == b"uc":
            self._now = self._now._replace(fallback=max(0, int(number or 0)))
        else:
            self._put("\n" if word in _BREAKS else _DASHES.get(word, ""))

    def _add(self, data: bytes, *, is_unicode: bool) -> None:
        if is_unicode != self._is_unicode:
            self._end()
            self._is_unicode = is_unicode
        self._raw += data

    def _end(self) -> None:
        if self._raw:
            encoding = "utf-16-le" if self._is_unicode else self._now.encoding
            text = self._raw.decode(encoding, "replace")
            self._raw.clear()
            self._put(text)
        self._skip = 0

    def _put(self, text: str) -> None:
        if self._raw:
            self._end()
        if text and not self._now.silent:
            self.texts[self._now.place].append(text)
