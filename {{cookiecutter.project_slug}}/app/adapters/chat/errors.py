"""Errors of providers: with a status, in place of a reply, or within a stream. Their messages are never passed on,
because they may quote the user.
"""

import re
from collections.abc import Iterator
from typing import Any

import orjson

from app.llm.domain.errors import ModelFailure, RequestRejected, failure_for_status

Json = dict[str, Any]

_STATUS_OF = (
    (re.compile(r"insufficient.quota|billing|payment|credit", re.I), 402),
    (re.compile(r"api.?key|authenti|unauthori", re.I), 401),
    (re.compile(r"permission|forbidden|access.?denied", re.I), 403),
    (re.compile(r"rate.?limit|too.?many.?requests|exhausted|throttl|quota|overloaded", re.I), 429),
    (re.compile(r"time.?out|timed.?out|deadline.?exceeded", re.I), 408),
    (
        re.compile(r"invalid|bad.?request|unsupported|not.?found|context.?(?:length|size)|too.?(?:large|long)", re.I),
        400,
    ),
)
"""The status of an error without one, by its text."""
_KEY_REFUSED = re.compile(r"invalid_api_key|api_key_invalid", re.I)

_REFUSES = re.compile(
    r"support|unrecogni[sz]ed|unknown|unexpected|not (?:allowed|permitted)|extra_|may only|only the default", re.I
)
OPTIONS = {
    "temperature": "send_temperature to false",
    "stream_options": "send_stream_options to false",
    "logprobs": "send_logprobs to false",
    "max_completion_tokens": "limit_field to max_tokens",
    "max_tokens": "limit_field to max_completion_tokens",
}
"""The option to set for a model that rejects a parameter."""
_PARAMETER = re.compile(rf"\b(?:{'|'.join(OPTIONS)})\b")


def parse_failure(status: int, raw: bytes, wait: float | None) -> ModelFailure:
    """The failure for an error response. raw: its body, which need not be JSON."""
    body = _object_in(raw)
    error = error_in(body) or body
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
        description = words or str(error if isinstance(error, str) else _dict(error).get("message"))[:200]
        status = next((each for pattern, each in _STATUS_OF if pattern.search(description)), 500)
    return _failure(status, error, wait, {})


def _failure(status: int, error: object, wait: float | None, body: Json) -> ModelFailure:
    words = _words(error)
    status = 401 if _KEY_REFUSED.search(words) else status
    wait = _wait(error) if wait is None else wait
    parameter = _parameter(body, error) if 400 <= status < 500 else None
    if parameter is None:
        return failure_for_status(status, words, wait)
    # Not the content is rejected but a parameter.
    advice = f"{words}; it refuses {parameter}: set {OPTIONS[parameter]} for this model in APP_MODEL_CHAIN"
    failure = RequestRejected(f"status {status} {advice}")
    failure.parameter = parameter
    return failure


def error_in(body: Json) -> object | None:
    """The error of a reply or a chunk of a stream, at its top level or in its choice."""
    error: object = body.get("error")
    if error:
        return error
    if body.get("object") == "error" or body.get("type") == "error":
        return body
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    within: object = _dict(first).get("error")
    return within or None


def _object_in(raw: bytes) -> Json:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    body = body[0] if isinstance(body, list) and body else body
    return body if isinstance(body, dict) else {}


def _status(error: object) -> int | None:
    for name in ("code", "status", "status_code"):
        code = error.get(name) if isinstance(error, dict) else None
        code = int(code) if isinstance(code, str) and code.isdecimal() and len(code) == 3 else code
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
    yield from (error.get("type"), error.get("code"), error.get("status"), error.get("error_type"))
    yield _dict(error.get("innererror")).get("code")
    details = error.get("details")
    yield from (each.get("reason") for each in details if isinstance(each, dict)) if isinstance(details, list) else ()
    # OpenRouter, where moderation rejected the question.
    if "flagged_input" in _dict(error.get("metadata")):
        yield "content_policy"


def _wait(error: object) -> float | None:
    """The time to wait in seconds, where it is in the error instead of the headers."""
    error = _dict(error)
    metadata = _dict(error.get("metadata"))
    headers = {str(name).lower(): value for name, value in _dict(metadata.get("headers")).items()}
    details = error.get("details")
    delays = [each.get("retryDelay") for each in details if isinstance(each, dict)] if isinstance(details, list) else []
    values = (headers.get("retry-after"), metadata.get("retry_after"), error.get("retry_after"), *delays)
    waits = (_seconds(each) for each in values)
    return next((each for each in waits if each is not None), None)


def _seconds(value: object) -> float | None:
    if isinstance(value, str):
        value = value.removesuffix("s")
        return float(value) if value.replace(".", "", 1).isdecimal() else None
    return max(0.0, float(value)) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _parameter(body: Json, error: object) -> str | None:
    """The request parameter that the provider rejects, if an option of the model can omit it."""
    error = _dict(error)
    text = " ".join(str(error.get(name) or "") for name in ("param", "code", "type", "message"))
    text += str(body.get("detail") or "")
    named = _PARAMETER.search(text)
    return named[0] if named and _REFUSES.search(text) else None


def _dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}
