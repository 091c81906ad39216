"""Which field of a request a provider refuses, and its words about it that may be logged."""

import re
from collections.abc import Collection, Iterable

from app.adapters.chat.fields import FIELDS, LIMITS, REQUIRED
from app.llm.domain.errors import ErrorReply
from app.llm.domain.messages import ChatRequest

MAX_WORDS_CHARACTERS, MAX_WORD_CHARACTERS, MAX_TEXT_CHARACTERS = 240, 40, 2000

_ALWAYS, _WITH_WORDS = (400, 422), (403, 404, 405, 415, 500, 501)
"""Statuses by which fields are refused: alone, and where the message says so."""
_UNSUPPORTED = re.compile(
    r"unsupported|unrecogni[sz]ed|unknown|unexpected|deprecated|no longer|extra_forbidden|extra (?:inputs|fields)"
    r"|(?:\bnot|n't|\bcannot) (?:\w+ )?(?:be )?(?:support|accept|allow|permit|recogni[sz]e|implement|enable|available"
    r"|used|set\b|specified|a valid)|not_supported|may only|only (?:the )?default|additional propert|no endpoints found"
    r"|only .{1,40}\b(?:supported|allowed|permitted|accepted)|invalid (?:parameter|argument|field)|requires --"
)
_SERVER_SAYS = re.compile(r"requires --|not (?:supported|implemented)|unsupported")
_VALUE = re.compile(
    r"at most|at least|less than|greater than|between|range|maximum|minimum|exceed|too (?:large|high|low|small|long)"
    r"|reduce|context.(?:length|size|window)"
)
"""Words about a value that another request may not have."""
_OF_CLIENTS = frozenset(
    {"response_format", "tools", "tool_choice", "stop", "seed", "top_p", "frequency_penalty", "presence_penalty"}
)
_ONE_VALUE = re.compile(
    r"\bvalues?\b|schema|keyword|propert|sequence|\btype\b|json_object|=|negative|function|\bonly\b"
)
"""Words about what one client wrote into such a field, which says nothing about the field of another."""
_TOGETHER = re.compile(r"\b(?:both|together|combin|mutually|conflict|at the same time)")
_CONTENT = re.compile(r"invalid.{0,12}schema|invalid_function_parameters|in context=|content.?filter|content.?policy")
"""Words about what the field contains, not about the field."""
_CONTAINERS = frozenset({"tools", "tool_choice", "response_format", "messages", "stop", "metadata"})
_WHOLE = frozenset({"type", "include_usage"})
"""Parts of a field for which all of it is left out."""
_ORDINARY = frozenset({"stop", "seed", "stream", "store", "user", "metadata", "n", "verbosity"})
"""Fields whose names are words that a message may have anyway."""
_TOOLS = re.compile(r"\b(?:tool use|tool calling|tool choice|tools?|function calling|functions)\b")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")

_WORD = re.compile(r"[\w.'-]+|[^\s\w]")
_PLAIN = frozenset(
    [
        "a",
        "about",
        "accepted",
        "allowed",
        "an",
        "and",
        "any",
        "are",
        "argument",
        "argument(s)",
        "as",
        "at",
        "be",
        "but",
        "by",
        "can",
        "cannot",
        "default",
        "deprecated",
        "do",
        "does",
        "doesn't",
        "endpoint",
        "endpoints",
        "error",
        "extra",
        "field",
        "fields",
        "for",
        "found",
        "got",
        "has",
        "have",
        "if",
        "in",
        "input",
        "inputs",
        "instead",
        "invalid",
        "is",
        "it",
        "key",
        "keyword",
        "later",
        "model",
        "models",
        "must",
        "name",
        "no",
        "not",
        "of",
        "on",
        "one",
        "only",
        "or",
        "parameter",
        "parameters",
        "permitted",
        "please",
        "property",
        "provided",
        "provider",
        "recognized",
        "remove",
        "request",
        "required",
        "requires",
        "same",
        "set",
        "should",
        "specified",
        "support",
        "supported",
        "supports",
        "than",
        "that",
        "the",
        "this",
        "to",
        "unexpected",
        "unknown",
        "unrecognized",
        "unsupported",
        "use",
        "used",
        "valid",
        "value",
        "values",
        "when",
        "with",
        "you",
        "your",
    ]
)
"""The vocabulary of errors about fields: words that are logged even where the question has them too."""


def refused_fields(error: ErrorReply, sent: Collection[str]) -> tuple[str, ...]:
    """The fields of the request that the provider refuses and that can be left out or renamed. sent: their names."""
    text = _normal(error.text)
    if error.status not in (*_ALWAYS, *_WITH_WORDS) or _CONTENT.search(text):
        return ()
    unsupported = _UNSUPPORTED if error.status < 500 else _SERVER_SAYS
    says = unsupported.search(text) is not None
    if error.status in _WITH_WORDS and not says:
        return ()
    paths = [_parts(path) for path in error.paths]
    if any(path and path[0] in (*REQUIRED, *FIELDS, *LIMITS, *sent) for path in paths):
        named = dict.fromkeys(path[0] for path in paths if path and _is_whole(path) and path[0] in sent)
    else:
        named = dict.fromkeys(_first_named(text, sent) if says else ())
    return tuple(name for name in named if name not in REQUIRED and _curable(name, text, says))


def lasts(error: ErrorReply, name: str) -> bool:
    """Whether the field is refused whatever its value, so that no later request has to try it."""
    text = _normal(error.text)
    if name in _OF_CLIENTS and _ONE_VALUE.search(text):
        return False
    return _UNSUPPORTED.search(text) is not None and not _VALUE.search(text) and not _TOGETHER.search(text)


def loggable(error: ErrorReply, request: ChatRequest, sent: Iterable[str]) -> str:
    """The provider's words without those of the request, which an error may quote: bounded, on one line, ASCII."""
    others = (request.sampling.stop, request.tools, request.tool_choice, request.response_format)
    own = " ".join((*(message.text for message in request.messages), str(others))).casefold()
    kept: list[str] = []
    for word in _WORD.findall(error.text[:MAX_TEXT_CHARACTERS]):
        bare = word.strip(".'-").casefold()
        known = bare in _PLAIN or bare in sent or bare in FIELDS or bare in LIMITS or not bare
        ordinary = word.isascii() and word.isprintable() and len(word) <= MAX_WORD_CHARACTERS and bare not in own
        kept.append(word if known or ordinary else "…")
    words = re.sub(r"…(?: …)+", "…", " ".join(kept))
    return re.sub(r" (?=[,.;:!?)\]])|(?<=[(\[]) ", "", words)[:MAX_WORDS_CHARACTERS]


def _normal(text: str) -> str:
    return _CAMEL.sub("_", text[:MAX_TEXT_CHARACTERS]).lower().replace("’", "'")


def _parts(path: str) -> list[str]:
    parts = [part for part in re.split(r"[.\[\]]+", _normal(path)) if part]
    return parts[1:] if parts[:1] == ["body"] else parts


def _is_whole(path: list[str]) -> bool:
    return len(path) == 1 or path[0] not in _CONTAINERS or path[1] in _WHOLE


def _curable(name: str, text: str, says: bool) -> bool:
    if name in LIMITS:
        return not _VALUE.search(text)
    return says or name not in _CONTAINERS


def _first_named(text: str, sent: Collection[str]) -> list[str]:
    """The field that the message names first."""
    found = {}
    for name in (each for each in sent if each not in REQUIRED):
        if name in _ORDINARY:
            pattern = rf"['\"`]{name}['\"`]|\b(?:parameter|field|argument)s?:? {name}\b|\b{name} (?:parameter|field)"
        else:
            pattern = _TOOLS.pattern if name == "tools" else rf"\b{re.escape(name)}\b"
        if match := re.search(pattern, text):
            found[name] = match.start()
    # Without its tools, a request has no choice among them either.
    if "tools" in found:
        found.pop("tool_choice", None)
    return [min(found, key=found.__getitem__)] if found else []
