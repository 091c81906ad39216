import codecs

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

    declared: the encoding that the file names. Errors: Unparsable("encoding_damage").
    """
    encoding, name = _recognised(data)
    if name not in ("", "UTF-8"):
        text = _strict(data, encoding, name, repair)
        detail = f"the file is {name}, not UTF-8; it was decoded as {name}"
        return text, (Finding("not_utf8", detail), *_nul_findings(text))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        if declared and (text_declared := _declared(data, declared)) is not None:
            return text_declared, _nul_findings(text_declared)
        text = _strict(data, "utf-8-sig", "UTF-8", repair)
        return text, (Finding("replaced_characters", "bytes that are not UTF-8 were replaced"), *_nul_findings(text))
    return text, _nul_findings(text)


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
    try:
        return data.decode(encoding, "replace" if repair else "strict")
    except UnicodeDecodeError as error:
        raise Unparsable(
            "encoding_damage", f"The file is not valid {name or 'UTF-8'}: byte {error.start} cannot be decoded."
        ) from error


def _declared(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None


def _nul_findings(text: str) -> tuple[Finding, ...]:
    count = text.count("\0")
    return (Finding("nul_bytes", "NUL characters were removed", count),) if count else ()
