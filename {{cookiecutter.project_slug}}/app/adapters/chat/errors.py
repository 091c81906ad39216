"""Errors of providers: with a status, in place of a reply, or within a stream. Their messages are never passed on,
because they may quote the user.
"""

import re
from collections.abc import Iterator
from typing import Any

import orjson

from app.llm.domain.errors import ErrorReply, ModelFailure, failure_for_status

Json = dict[str, Any]

_STATUS_OF = (
    (re.compile(r"insufficient.quota|billing|payment|credit|insufficient.balance", re.I), 402),
    (re.compile(r"api.?key|authenti|unauthori", re.I), 401),
    (re.compile(r"permission|forbidden|access.?denied", re.I), 403),
    (
        re.compile(r"rate.?limit|request.?limit|too.?many.?requests|exhausted|throttl|quota|overloaded|capacity", re.I),
        429,
    ),
    (re.compile(r"time.?out|timed.?out|deadline.?exceeded", re.I), 408),
    (
        re.compile(
            r"invalid|bad.?request|unsupported|not.?(?:found|support)|context.?(?:length|size)|too.?(?:large|long)"
            r"|unexpected.?endpoint",
            re.I,
        ),
        400,
    ),
)
"""The status of an error without one, by its text."""
_KEY_REFUSED = re.compile(r"invalid_api_key|api_key_invalid", re.I)
_CODES = ("code", "status", "status_code", "error_code")
_MESSAGES = ("message", "msg", "error_msg", "status_msg", "detail", "title")
MAX_TEXT_CHARACTERS, MAX_PATHS, MAX_DEPTH = 2000, 20, 8


def parse_failure(status: int, raw: bytes, wait: float | None) -> ModelFailure:
    """The failure for an error response. raw: its body, which need not be JSON."""
    body = _object_in(raw)
    error = error_in(body) or body or _text_in(raw)
    return _failure(status, error, wait, body)


def raise_error(body: Json, wait: float | None = None) -> None:
    """Raise the error within a reply of status 200, if there is one. wait: Retry-After of the headers, in seconds."""
    if (error := error_in(body)) is not None:
        raise failure_in(error, wait)


def failure_in(error: object, wait: float | None = None) -> ModelFailure:
    """The failure for an error that came without an HTTP status."""
    words = _words(error)
    status = _status(error)
    if status is None:
        # Without a type or code, the message is searched, but never passed on.
        description = words or _message(error)[:200]
        status = next((each for pattern, each in _STATUS_OF if pattern.search(description)), 500)
    return _failure(status, error, wait, {})


def _failure(status: int, error: object, wait: float | None, body: Json) -> ModelFailure:
    words = _words(error)
    status = 401 if _KEY_REFUSED.search(words) else status
    failure = failure_for_status(status, words, _wait(error) if wait is None else wait)
    paths = (*_paths(error), *_paths(body))
    failure.reply = ErrorReply(status, paths[:MAX_PATHS], (_message(error) or _message(body))[:MAX_TEXT_CHARACTERS])
    return failure


def error_in(body: Json) -> object | None:
    """The error of a reply or a chunk of a stream, at its top level or in its choice."""
    error: object = body.get("error")
    if error and not (body.get("choices") and _is_none(error)):
        # Some put the code beside a message.
        return {"message": error, **body} if isinstance(error, str) and len(body) > 1 else error
    if body.get("object") == "error" or body.get("type") == "error":
        return body
    choices = body.get("choices")
    if not choices and (found := _error_of_gateway(body)):
        return found
    first = choices[0] if isinstance(choices, list) and choices else None
    within: object = _dict(first).get("error")
    return within or None


def _is_none(error: object) -> bool:
    """Whether an error beside choices says that there was none."""
    if not isinstance(error, dict):
        return False
    values = {str(value).lower() for value in error.values() if value}
    return values <= {"ok", "success"}


def _error_of_gateway(body: Json) -> object | None:
    """The error in a reply of status 200 that is in none of the format's places."""
    errors = body.get("errors")
    if isinstance(errors, list) and errors and not body.get("success"):
        return errors[0] if isinstance(errors[0], dict | str) else body
    status = _dict(body.get("base_resp"))
    if status.get("status_code"):
        return {"code": str(status["status_code"]), "message": status.get("status_msg")}
    named = any(body.get(name) for name in ("code", "error_code", "__type"))
    return body if named and _message(body) else None


def _object_in(raw: bytes) -> Json:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    body = body[0] if isinstance(body, list) and body else body
    return body if isinstance(body, dict) else {}


def _text_in(raw: bytes) -> str:
    """A body that is plain text; nothing of a page."""
    text = raw[:MAX_TEXT_CHARACTERS].decode(errors="replace").strip()
    return "" if text.startswith("<") else text


def _status(error: object) -> int | None:
    for name in _CODES:
        code = error.get(name) if isinstance(error, dict) else None
        code = int(code) if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) == 3 else code
        if isinstance(code, int) and 400 <= code < 600:
            return code
    return None


def _words(error: object) -> str:
    """The type and codes of an error, never its message."""
    words = (word[:60] for word in _names(error) if isinstance(word, str) and word.isascii())
    return " ".join(word for word in words if not word.isdecimal())


def _names(error: object) -> Iterator[object]:
    if not isinstance(error, dict):
        return
    yield from (error.get(name) for name in ("type", "__type", "code", "error_code", "status", "error_type"))
    yield _dict(error.get("innererror")).get("code")
    yield from (each.get("reason") for each in _dicts(error.get("details")))
    # OpenRouter, where moderation rejected the question.
    if "flagged_input" in _dict(error.get("metadata")):
        yield "content_policy"


def _message(error: object, depth: int = MAX_DEPTH) -> str:
    """The text of an error, also of one within another, as gateways pass it on."""
    if isinstance(error, str):
        return error
    body = _dict(error) if depth else {}
    own = next((each for name in _MESSAGES if (each := body.get(name))), "")
    parts = [own] if isinstance(own, str) else [_message(own, depth - 1)]
    parts += [_message(each, depth - 1) for each in _problems(body)]
    raw = _dict(body.get("metadata")).get("raw")
    return " ".join(part for part in (*parts, raw if isinstance(raw, str) else "") if part)


def _paths(error: object, depth: int = MAX_DEPTH) -> tuple[str, ...]:
    """The fields of the request that an error names: param, or the places of a validator."""
    body = _dict(error) if depth else {}
    named = [body.get("param"), *(each.get("field") for each in _violations(body))]
    for each in _problems(body):
        place = each.get("loc")
        named.append(".".join(map(str, place)) if isinstance(place, list) else None)
    inner = body.get("message")
    return (
        *(name[:200] for name in named if isinstance(name, str) and name),
        *(_paths(inner, depth - 1) if inner else ()),
    )


def _problems(body: Json) -> list[Json]:
    """The problems that a validator lists."""
    return _dicts(body.get("detail"))


def _violations(body: Json) -> list[Json]:
    return [each for detail in _dicts(body.get("details")) for each in _dicts(detail.get("fieldViolations"))]


def _wait(error: object) -> float | None:
    """The time to wait in seconds, where it is in the error instead of the headers."""
    error = _dict(error)
    metadata = _dict(error.get("metadata"))
    headers = {str(name).lower(): value for name, value in _dict(metadata.get("headers")).items()}
    delays = [each.get("retryDelay") for each in _dicts(error.get("details"))]
    own = (error.get("retry_after"), error.get("estimated_time"))
    waits = (_seconds(each) for each in (headers.get("retry-after"), metadata.get("retry_after"), *own, *delays))
    return next((each for each in waits if each is not None), None)


def _seconds(value: object) -> float | None:
    if isinstance(value, str):
        value = value.removesuffix("s")
        return float(value) if value.isascii() and value.replace(".", "", 1).isdigit() else None
    return max(0.0, float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _dicts(value: object) -> list[Json]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
