import codecs
from functools import lru_cache

import webencodings

from app.ingestion.domain.parsed_document import Unparsable
from app.safety.domain.text import Finding

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)


def decode(data: bytes, *, repair: bool, declared: str | None = None) -> tuple[str, tuple[Finding, ...]]:
    """Decode bytes of text; returns the text and findings on its encoding. Never silent mojibake.

    declared: the encoding that the file names, as the web reads such labels. UTF-8 that is valid, and marks at the
    beginning of the file, count for more. Errors: Unparsable("encoding_damage").
    """
    encoding, name = _recognised(data)
    if name not in ("", "UTF-8"):
        text = _strict(data, encoding, name, repair)
        detail = f"the file is {name}, not UTF-8; it was decoded as {name}"
        return text, (Finding("not_utf8", detail), *_nul_findings(text))
    codec = _codec(declared or "")
    if not (codec == "iso2022_jp" and b"\x1b" in data):
        try:
            text = data.decode("utf-8-sig")
            return text, _nul_findings(text)
        except UnicodeDecodeError:
            pass
    text = _strict(data, codec or "utf-8-sig", (declared or "UTF-8") if codec else "UTF-8", repair)
    if "\ufffd" not in text:
        return text, _nul_findings(text)
    detail = f"bytes that are not {declared if codec else 'UTF-8'} were replaced"
    return text, (Finding("replaced_characters", detail), *_nul_findings(text))


@lru_cache(256)
def _codec(label: str) -> str | None:
    """The codec of a label by the WHATWG Encoding Standard; None for an unknown one and for those that cannot be named
    within the text itself.
    """
    encoding = webencodings.lookup(label)
    if encoding is None or encoding.name in ("replacement", "utf-8") or encoding.name.startswith("utf-16"):
        return None
    codec = "cp1252" if encoding.name == "x-user-defined" else encoding.codec_info.name
    return "gb18030" if codec == "gbk" else codec


def _recognised(data: bytes) -> tuple[str, str]:
    for mark, encoding, name in _MARKS:
        if data.startswith(mark):
            return encoding, name
    sample = data[:4096]
    half = len(sample) // 2
    if half >= 4:
        if sample[1::2].count(0) > 0.4 * half and sample[0::2].count(0) < 0.1 * half:
            return "utf-16-le", "UTF-16"
        if sample[0::2].count(0) > 0.4 * half and sample[1::2].count(0) < 0.1 * half:
            return "utf-16-be", "UTF-16"
    return "utf-8-sig", ""


def _strict(data: bytes, encoding: str, name: str, repair: bool) -> str:
    errors = "replace" if repair else _UNDEFINED if encoding.startswith("cp") else "strict"
    try:
        return data.decode(encoding, errors)
    except UnicodeDecodeError as error:
        raise Unparsable(
            "encoding_damage", f"The file is not valid {name or 'UTF-8'}: byte {error.start} cannot be decoded."
        ) from error


def _undefined(error: UnicodeError) -> tuple[str, int]:
    """Code pages leave some bytes undefined, which the web reads as the control characters of their number."""
    if (
        isinstance(error, UnicodeDecodeError)
        and 0x80 <= error.object[error.start] < 0xA0
        and error.encoding == "charmap"
    ):
        return chr(error.object[error.start]), error.start + 1
    raise error


_UNDEFINED = "undefined-as-control"
codecs.register_error(_UNDEFINED, _undefined)


def _nul_findings(text: str) -> tuple[Finding, ...]:
    count = text.count("\0")
    return (Finding("nul_bytes", "NUL characters were removed", count),) if count else ()
