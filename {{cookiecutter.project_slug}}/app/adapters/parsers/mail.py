"""E-mail (RFC 5322 and MIME): the header as lines, the body as text, and attachments as files."""

import mimetypes
import re
from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import EmailMessage, Message
from functools import partial
from pathlib import PurePosixPath

from selectolax.lexbor import LexborHTMLParser

from app.adapters.parsers.builder import TextBuilder, squeeze
from app.adapters.parsers.calendar_events import events
from app.adapters.parsers.decoding import decode
from app.adapters.parsers.html import read_html
from app.adapters.parsers.word_loss import with_word_loss
from app.ingestion.domain.parsed_document import Attachment, ParsedDocument, Unparsable
from app.safety.domain.text import Finding, normalise

MAX_ATTACHMENTS = 50
MAX_PARTS = 1_000
_SHOWN = ("From", "To", "Cc", "Date")
_CHARSETS = {
    "iso-8859-1": "cp1252",
    "us-ascii": "cp1252",
    "gb2312": "gb18030",
    "ks_c_5601-1987": "cp949",
    "shift_jis": "cp932",
}
_ENCRYPTED = frozenset({"multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"})
_ENCRYPTED_TEXT = "The message is encrypted."
_SEALED = "The text of the message is inside its signature (S/MIME); save it with its signature apart, or as text."
_PGP = re.compile(r"\s*-----BEGIN PGP MESSAGE-----\n.*-----END PGP MESSAGE-----\s*", re.DOTALL)
_PGP_SIGNED = re.compile(r"-----BEGIN PGP SIGNED MESSAGE-----\n(?:\w+:[^\n]*\n)*\n")
_PGP_SIGNATURE, _PGP_END = "\n-----BEGIN PGP SIGNATURE-----", "-----END PGP SIGNATURE-----"
_SIGNATURES = frozenset({"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"})
_NOT_FOR_READERS = frozenset({"message/delivery-status", "message/disposition-notification", "text/rfc822-headers"})
_QUOTED = re.compile(r"(>*) ?")
_WORD = re.compile(r"\w+")
_MAX_COMPARED = 200_000
_MBOX_LINE = re.compile(rb"\A\s*From [^\n]*\n")


def parse_eml(data: bytes, *, repair: bool) -> ParsedDocument:
    message = message_from_bytes(
        _MBOX_LINE.sub(b"", data.removeprefix(b"\xef\xbb\xbf"), count=1), policy=policy.default
    )
    if message.get_content_type() in _ENCRYPTED:
        raise Unparsable("encrypted", _SEALED if message.get_param("smime-type") == "signed-data" else _ENCRYPTED_TEXT)
    mail = _Mail(message)
    mail.write()
    return with_word_loss(mail.document(), partial(_places, message))


class _Mail:
    def __init__(self, message: EmailMessage) -> None:
        self.message = message
        self.builder = TextBuilder()
        self.attachments: list[Attachment] = []
        self.left_out = 0
        self.parts = 0

    def write(self) -> None:
        self.builder.heading(1, _header(self.message, "Subject"))
        lines = ((name, _moment(self.message) if name == "Date" else _header(self.message, name)) for name in _SHOWN)
        self.builder.block("\n".join(f"{name}: {value}" for name, value in lines if value))
        self._read(self.message)
        if names := ", ".join(each.name for each in self.attachments):
            self.builder.block(f"Attachments: {names}")
        if self.left_out:
            detail = f"attachments after the first {MAX_ATTACHMENTS} were left out"
            self.builder.find(Finding("attachments_left_out", detail, self.left_out))

    def document(self) -> ParsedDocument:
        metadata = {"author": _header(self.message, "From"), "date": _moment(self.message)[:10]}
        metadata |= {"to": _header(self.message, "To"), "cc": _header(self.message, "Cc")}
        document = self.builder.build("eml", _header(self.message, "Subject"), metadata)
        return replace(document, attachments=tuple(self.attachments))

    def _read(self, part: Message) -> None:
        self.parts += 1
        if self.parts > MAX_PARTS:
            raise Unparsable("nested_too_deep", f"The message has more than {MAX_PARTS:,} parts.")
        kind = part.get_content_type()
        if kind == "multipart/alternative":
            self._read_alternative(part)
        elif part.is_multipart() and part.get_content_maintype() == "multipart":
            for child in _children(part):
                self._read(child)
        elif kind in _SIGNATURES or kind in _NOT_FOR_READERS or part.get_content_maintype() == "multipart":
            return
        elif kind in ("text/plain", "text/html") and part.get_content_disposition() != "attachment":
            self._read_body(part, kind)
        elif kind == "text/calendar":
            self._write_event(part)
        elif not _is_inline_picture(part):
            self._attach(part)

    def _read_alternative(self, part: Message) -> None:
        """Read one of the alternatives, and the files and events of the others."""
        children = list(_children(part))
        chosen = _chosen(children)
        if chosen is not None:
            self._read(chosen)
        for child in children:
            if child is not chosen and (
                child.get_content_type() == "text/calendar" or child.get_content_maintype() not in ("text", "multipart")
            ):
                self._read(child)
            elif child is not chosen and child.get_content_maintype() == "multipart":
                self._read_files(child)

    def _read_files(self, part: Message) -> None:
        """The attachments of an alternative whose text is not read."""
        for child in part.walk():
            if child.get_content_disposition() == "attachment" and not child.is_multipart():
                self._attach(child)

    def _read_body(self, part: Message, kind: str) -> None:
        text = _text(part)
        if kind == "text/html":
            page, _ = read_html(b"\xef\xbb\xbf" + text.encode("utf-8", "replace"), repair=True)
            self.builder.include(page, level=1)
            return
        if _PGP.fullmatch(text):
            raise Unparsable("encrypted", _ENCRYPTED_TEXT)
        self.builder.block(text)

    def _write_event(self, part: Message) -> None:
        for event in events(_text(part)):
            self.builder.block(event)

    def _attach(self, part: Message) -> None:
        data = _content(part)
        if not data:
            return
        if len(self.attachments) >= MAX_ATTACHMENTS:
            self.left_out += 1
            return
        self.attachments.append(Attachment(_file_name(part), data))


def _places(message: EmailMessage) -> Iterator[tuple[str, str]]:
    """The header and the text parts of the message, found by a walk over all its parts."""
    yield "header", "\n".join(normalise(_header(message, name)).text for name in ("Subject", "From", "To", "Cc"))
    unread = set[int]()
    for number, part in enumerate(message.walk(), 1):
        if id(part) in unread:
            continue
        if part.get_content_maintype() == "message":
            unread.update(id(each) for each in part.walk())
            continue
        if part.get_content_type() == "multipart/alternative":
            unread.update(id(each) for other in _others(part) for each in other.walk())
        if part.get_content_disposition() == "attachment":
            continue
        if part.get_content_type() == "text/calendar":
            yield f"part {number}", "\n".join(events(_text(part)))
        elif part.get_content_type() == "text/plain":
            yield f"part {number}", normalise(_text(part)).text
        elif part.get_content_type() == "text/html":
            _, places = read_html(b"\xef\xbb\xbf" + _text(part).encode("utf-8", "replace"), repair=True)
            yield from ((f"part {number}, {place}", text) for place, text in places())


def _others(alternatives: Message) -> Iterator[Message]:
    """All alternatives with text but the one that is read."""
    children = list(_children(alternatives))
    chosen = _chosen(children)
    texts = (each for each in children if each.get_content_maintype() in ("text", "multipart"))
    return (each for each in texts if each is not chosen)


def _chosen(alternatives: Sequence[Message]) -> Message | None:
    """The plain text if it says what the page says, else the last alternative that is text."""
    texts = [each for each in alternatives if each.get_content_maintype() in ("text", "multipart")]
    plain = next((each for each in texts if each.get_content_type() == "text/plain" and _text(each).strip()), None)
    richest = next((each for each in reversed(texts) if each.get_content_type() != "text/calendar"), None)
    return richest if plain is None or (richest is not None and _is_stub(plain, richest)) else plain


def _is_stub(plain: Message, richest: Message) -> bool:
    """Whether the plain text only stands in for a page, such as a line on where to see it."""
    page = next(_pages(richest), None)
    if page is None:
        return False
    seen = LexborHTMLParser(_text(page)[:_MAX_COMPARED])
    seen.strip_tags(["head", "script", "style", "template"])
    words = set(_WORD.findall(seen.body.text(separator=" ").lower() if seen.body is not None else ""))
    said = set(_WORD.findall(_text(plain)[:_MAX_COMPARED].lower()))
    return len(words) > 1.5 * len(said) + 3 and 2 * len(words & said) < len(words)


def _pages(part: Message) -> Iterator[Message]:
    """Those of a part, without those that other alternatives within it compare."""
    if part.get_content_type() == "text/html":
        yield part
    elif part.get_content_type() != "multipart/alternative":
        for child in _children(part):
            yield from _pages(child)


def _children(part: Message) -> Iterator[Message]:
    payload = part.get_payload()
    if isinstance(payload, list):
        yield from (child for child in payload if isinstance(child, Message))


def _content(part: Message) -> bytes:
    if part.get_content_maintype() == "message":
        inner = next(_children(part), None)
        if inner is not None and str(part.get("Content-Transfer-Encoding", "")).strip().lower() == "base64":
            return _decoded_message(inner)
        with suppress(MessageError, ValueError, LookupError, TypeError, AttributeError):
            return inner.as_bytes(policy=policy.default.clone(refold_source="none")) if inner is not None else b""
        return b""
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _decoded_message(encoded: Message) -> bytes:
    """A message that was sent in base64, which no message should be (RFC 2046, 5.2.1); empty where it is none."""
    text = encoded.get_payload()
    with suppress(ValueError):
        return b64decode("".join(text.split())) if isinstance(text, str) else b""
    return b""


def _text(part: Message) -> str:
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return ""
    text = _decoded(data, (part.get_content_charset() or "").lower()).replace("\r\n", "\n")
    text = _without_signature(text)
    if str(part.get_param("format")).lower() == "flowed":
        return _flowed(text, "" if str(part.get_param("delsp")).lower() == "yes" else " ")
    return text


def _flowed(text: str, blank: str) -> str:
    """The paragraphs of flowed text, each in one line behind the marks of its quote (RFC 3676)."""
    pieces: list[str] = []
    before: str | None = None
    for line in text.split("\n"):
        match = _QUOTED.match(line)
        quote, content = (match[1], line[match.end() :]) if match else ("", line)
        if before != quote:
            pieces += ("\n" if pieces else "", f"{quote} " if quote else "")
        flows = content.endswith(" ") and content != "-- "
        pieces.append(content[:-1] + blank if flows else content)
        before = quote if flows else None
    return "".join(pieces)


def _without_signature(text: str) -> str:
    """What PGP signed, without the lines around it."""
    parts, position = list[str](), 0
    while start := _PGP_SIGNED.search(text, position):
        signature = text.find(_PGP_SIGNATURE, start.end())
        end = text.find(_PGP_END, signature) if signature >= 0 else -1
        if end < 0:
            break
        parts += [text[position : start.start()], text[start.end() : signature]]
        position = end + len(_PGP_END)
    return "".join([*parts, text[position:]])


def _decoded(data: bytes, charset: str) -> str:
    """Valid UTF-8 counts for more than the charset that the part names, unless that is a shift code, as ISO-2022."""
    with suppress(LookupError, ValueError):
        if charset.startswith(("iso-2022", "utf-16", "utf-32", "utf-7", "hz")):
            return data.decode(charset)
        if data.isascii():
            return data.decode("ascii")
        return data.decode("utf-8")
    with suppress(LookupError, ValueError):
        if charset and charset not in ("utf-8", "utf8"):
            return data.decode(_CHARSETS.get(charset, charset))
    return decode(data, repair=True, declared="cp1252")[0]


def _header(message: Message, name: str) -> str:
    """The decoded value; as it stands where the header is too damaged to be decoded."""
    try:
        value = str(message.get(name, ""))
    except (MessageError, ValueError, LookupError, TypeError, AttributeError):
        value = next((str(raw) for key, raw in message.raw_items() if key.lower() == name.lower()), "")
    return squeeze(value.encode("utf-8", "replace").decode())


def _moment(message: Message) -> str:
    with suppress(MessageError, ValueError, LookupError, TypeError, AttributeError):
        moment = getattr(message["Date"], "datetime", None)
        if isinstance(moment, datetime):
            return moment.isoformat(" ", "minutes")
    return _header(message, "Date")


def _is_inline_picture(part: Message) -> bool:
    """Whether the body shows the picture, such as a logo."""
    inline = part.get_content_disposition() == "inline" or (part["Content-ID"] and not part.get_content_disposition())
    return part.get_content_maintype() == "image" and bool(inline)


def _file_name(part: Message) -> str:
    if part.get_content_maintype() == "message":
        data = _content(part)
        inner = message_from_bytes(data, policy=policy.default) if data else None
        return f"{_header(inner, 'Subject') or 'message' if inner is not None else 'message'}.eml"
    try:
        name = part.get_filename() or ""
    except (MessageError, ValueError, LookupError, TypeError, AttributeError):
        name = ""
    name = squeeze(name) or "attachment"
    if not PurePosixPath(name).suffix:
        name += mimetypes.guess_extension(part.get_content_type()) or ""
    return name
