"""Detection of markup that a renderer would load or link, and its neutralisation."""

import re
from collections.abc import Callable, Iterator
from html import unescape

_MAX_CHARACTERS = 200
_ENTITY = re.compile(r"&(?=(#\d{1,7};?|#[xX][0-9a-fA-F]{1,6};?|[A-Za-z][A-Za-z0-9]{1,31};?))")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")

# Host endings that linkifiers accept without a scheme: country codes and common top-level domains.
_COMMON = "com|net|org|edu|gov|mil|int|biz|info|xyz|online|site|shop|store|cloud|click|museum|aero|coop|asia|xxx|рф"
_SEEDY = "pro|web|name|app|dev|link|live|top|page|zip|mov|host|space|website|xn--[a-z0-9-]+"
# File names and attributes have these endings too. A short such name without a path carries next to nothing.
_FILES = re.compile(
    "md|py|sh|rs|pl|cc|ps|ml|in|tf|so|is|id|to|my|me|it|as|pro|web|name|app|dev|link|live|top|page|zip|mov|host|space"
    "|website",
    re.IGNORECASE,
)
_MAX_FILE_NAME, _MAX_FILE_DIGITS = 32, 8
_ENDING = rf"(?:{_COMMON}|{_SEEDY}|[a-z]{{2}})(?![\w-])"
_HOST = re.compile(rf"(?<![\w-])((?:[\w-]{{1,63}}\.){{1,20}})({_ENDING})(?!\.\w)(?=(:\d|[/?#]\S)?)", re.IGNORECASE)
_BEFORE_ENDING = re.compile(rf"\.(?={_ENDING})", re.IGNORECASE)
_SCHEMES = "javascript|vbscript|livescript|mailto|xmpp|tel|sms|callto|skype|facetime|magnet|intent|blob|view-source"

# Every rule inserts a space where the markup must not have one. Nothing else is changed: a reader sees the same
# characters. Escapes would not work: a renderer undoes them before it linkifies, in plain text they show as
# backslashes or entities, and applied twice they change the text.
_APART: tuple[re.Pattern[str], ...] = (
    re.compile(r"(?<=<)(?=[A-Za-z/!?])"),  # a tag, a comment, an autolink
    re.compile(r"(?<=!)(?=\[)|(?<=\])(?=[(\[:{])|(?<=\[)(?=\[)"),  # an image, a link, a definition, a wiki link
    re.compile(r"(?<=/)(?=\\*/)|(?:(?<=http:)|(?<=https:)|(?<=ftp:))(?!/ ?\\*/)(?=\S)", re.IGNORECASE),  # an address
    re.compile(rf"(?:{'|'.join(f'(?<={scheme}:)' for scheme in _SCHEMES.split('|'))})(?=\S)", re.IGNORECASE),
    re.compile(r"(?<=data:)(?=[\w.+-]*[/;,])", re.IGNORECASE),
    re.compile(r"(?<=[\w.+!#$%&'*/=?^`{|}~-]@)(?=[\w-]+\.\w)"),  # a mail address
    re.compile(r"(?<=\bwww)(?=\.\w)|(?<=\bwww\.)(?=\w)", re.IGNORECASE),
    re.compile(r"(?<=\burl)(?=\()|(?<=@)(?=import\b)", re.IGNORECASE),  # a style sheet
    re.compile(r"(?<=\\)(?=(?:href|url|includegraphics|html[A-Z]\w*)\b)"),  # a formula
)

# Signs of which each rule needs at least one. Most sentences have none, and the rules are many.
_MAY_LINK = re.compile(r"[<:@&\\]|//|\]\(|!\[|\burl\(|\bwww\.|\w[/?#]\S", re.IGNORECASE)
_MAY_CHANGE = re.compile(r"[<:@&\\]|//|\][(\[{]|!\[|\[\[|url\(|[\w-]\.\w", re.IGNORECASE)


def neutralise(text: str) -> str:
    """Insert spaces so that no Markdown or HTML renderer loads or links anything in the text.

    Only spaces are added, and nothing is removed; it is idempotent.
    """
    if not _MAY_CHANGE.search(text):
        return text
    text = _ENTITY.sub(_separate_entity, text)
    for pattern in _APART:
        text = pattern.sub(" ", text)
    return _HOST.sub(_separate_host, text)


def loads_or_links(text: str) -> list[str]:
    """All that a renderer of Markdown or HTML would load or link, verbatim, cut to 200 characters each.

    This includes markup with entities, with escapes or over several lines, but not bare mail addresses and host names,
    which cannot carry data. `neutralise` also separates those.
    """
    matches: dict[str, None] = {}
    if not _MAY_LINK.search(text):
        return []
    plain = unescape(text)
    for view, rules in ((text, _RULES), (plain, _RULES), (_ESCAPE.sub(r"\1", plain), _ADDRESSES)):
        for rule in rules:
            matches.update((fragment[:_MAX_CHARACTERS], None) for fragment in rule(view))
    return list(matches)


def _separate_entity(match: re.Match[str]) -> str:
    """Separate entities of ASCII characters, which markup consists of; others, such as a dash, are kept."""
    return "& " if unescape(f"&{match[1]}")[:1].isascii() and unescape(f"&{match[1]}") != f"&{match[1]}" else "&"


def _separate_host(match: re.Match[str]) -> str:
    labels, ending, more = match.groups()
    if _FILES.fullmatch(ending) and _is_file_name(labels.removesuffix("."), ending) and not more:
        return match[0]
    return _BEFORE_ENDING.sub(". ", match[0])


def _is_file_name(stem: str, ending: str) -> bool:
    """Not a sentence that begins behind a full stop without a space, nor a label that could hold a secret."""
    plain = "." not in stem and len(stem) <= _MAX_FILE_NAME and not stem.isdigit()
    few_digits = sum(letter.isdigit() for letter in stem) <= _MAX_FILE_DIGITS
    return plain and few_digits and (ending.islower() or (ending.isupper() and stem.isupper()))


def _all(pattern: str, flags: re.RegexFlag = re.IGNORECASE) -> Callable[[str], Iterator[str]]:
    compiled = re.compile(pattern, flags)
    return lambda text: (match[0] for match in compiled.finditer(text))


_TAG = re.compile(r"<([a-z][a-z0-9:-]*)(?:[^<>\"']|\"[^\"]*+\"|'[^']*+'|[\"'])*+>?", re.IGNORECASE)
_TAGS = re.compile(
    "a|applet|area|audio|base|bgsound|body|button|embed|form|frame|frameset|iframe|image|img|input|isindex|layer|link"
    "|math|meta|object|portal|script|source|style|svg|track|video"
)
_LOADING = re.compile(
    r"[\s\"'/](?:src\w*|\w*href|action|formaction|poster|background|data|cite|ping|longdesc|manifest|code(?:base)?"
    r"|archive|dynsrc|lowsrc|profile|usemap|srcdoc|style|on\w+|content)\s*=",
    re.IGNORECASE,
)


def _tags(text: str) -> Iterator[str]:
    for match in _TAG.finditer(text):
        name = match[1].lower().rpartition(":")[2]
        if _TAGS.fullmatch(name) or _LOADING.search(match[0]):
            yield match[0]


def _references(text: str) -> Iterator[str]:
    """Link definitions and the references to them."""
    names = {" ".join(match[1].split()).casefold() for match in _DEFINITION.finditer(text)}
    yield from (match[0].strip() for match in _DEFINITION.finditer(text))
    for match in _REFERENCE.finditer(text) if names else ():
        if " ".join((match[2] or match[1]).split()).casefold() in names:
            yield match[0]


_LABEL = r"\[((?:[^\[\]\\]|\\.){1,999}+)\]"
_DEFINITION = re.compile(rf"(?m:^)[ \t>*+\-\d.)]*{_LABEL}:\s*(?:<[^>\n]*>|\S+)", re.DOTALL)
_REFERENCE = re.compile(rf"!?{_LABEL}(?:\[((?:[^\[\]\\]|\\.){{0,999}}+)\])?(?!:)", re.DOTALL)

_ADDRESSES: tuple[Callable[[str], Iterator[str]], ...] = (
    _all(r"\b[a-z][a-z0-9+.-]{1,30}://[^\s<>]+"),
    _all(r"\b(?:https?|ftp):[\\/]*[^\s\\/<>][^\s<>]*"),
    _all(r"(?<![:/\w])//[\w-]+(?:\.[\w-]+)+[^\s<>]*"),
    _all(r"\bwww\.\w[^\s<>]*"),
    _all(rf"\b(?:{_SCHEMES}):[^\s<>]+"),
    _all(r"\bdata:[\w.+-]*[/;,][^\s<>]*"),
    lambda text: (match[0] for match in _HOST.finditer(text) if match[3]),
)
_RULES: tuple[Callable[[str], Iterator[str]], ...] = (
    # Only the middle of a link is matched: renderers differ in what they accept within its brackets.
    _all(r"(?:!?\[[^\[\]\n]{0,80}+)?\]\([^()\n]{0,200}+\)?"),
    _all(r"!\[\[[^\[\]\n]{1,200}\]\]"),
    _references,
    _tags,
    _all(r"<[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@[\w.-]+>|<[a-z][a-z0-9+.-]{1,31}:[^\s<>]*>"),
    _all(r"\burl\(\s*[^)\s]*|@import\s+\S+"),
    *_ADDRESSES,
)
