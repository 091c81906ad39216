"""What providers say went wrong: with a status, in place of a reply, or in the middle of a stream. Their sentences are
never passed on, for they may repeat what the user wrote.
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
"""What the words of an error mean where no status stands beside them."""
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
"""What to set for a model that refuses a parameter."""
_PARAMETER = re.compile(rf"\b(?:{'|'.join(OPTIONS)})\b")


def parse_failure(status: int, raw: bytes, wait: float | None) -> ModelFailure:
    """The failure of a reply with such a status, whose body need not be JSON."""
    found = _object_in(raw)
    error = error_in(found) or found
    return _failure(status, error, wait, found)


def raise_error(found: Json, wait: float | None = None) -> None:
    """Some servers send an error with status 200; its code may be a number or a word. wait: what the headers said."""
    if (error := error_in(found)) is not None:
        raise failure_in(error, wait)


def failure_in(error: object, wait: float | None = None) -> ModelFailure:
    """The failure that an error means which came without a status of its own."""
    words = _words(error)
    status = _status(error)
    if status is None:
        # Without a word the sentence has to do; it is read for this, and goes no further.
        said = words or str(error if isinstance(error, str) else _dict(error).get("message"))[:200]
        status = next((each for pattern, each in _STATUS_OF if pattern.search(said)), 500)
    return _failure(status, error, wait, {})


def _failure(status: int, error: object, wait: float | None, found: Json) -> ModelFailure:
    words = _words(error)
    status = 401 if _KEY_REFUSED.search(words) else status
    wait = _wait(error) if wait is None else wait
    parameter = _parameter(found, error) if 400 <= status < 500 else None
    if parameter is None:
        return failure_for_status(status, words, wait)
    # Nothing that was asked is refused, but how it was asked.
    advice = f"{words}; it refuses {parameter}: set {OPTIONS[parameter]} for this model in APP_MODEL_CHAIN"
    failure = RequestRejected(f"status {status} {advice}")
    failure.parameter = parameter
    return failure


def error_in(found: Json) -> object | None:
    """The error of a reply or of a piece of a stream, by itself or in its choice."""
    error: object = found.get("error")
    if error:
        return error
    if found.get("object") == "error" or found.get("type") == "error":
        return found
    choices = found.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    within: object = _dict(first).get("error")
    return within or None


def _object_in(raw: bytes) -> Json:
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    found = found[0] if isinstance(found, list) and found else found
    return found if isinstance(found, dict) else {}


def _status(error: object) -> int | None:
    for name in ("code", "status", "status_code"):
        code = error.get(name) if isinstance(error, dict) else None
        code = int(code) if isinstance(code, str) and code.isdecimal() and len(code) == 3 else code
        if isinstance(code, int) and 400 <= code < 600:
            return code
    return None


def _words(error: object) -> str:
    """Only the words that name an error, never its sentence."""
    words = (word[:60] for word in _names(error) if isinstance(word, str) and word.isascii())
    return " ".join(word for word in words if not word.isdecimal())


def _names(error: object) -> Iterator[object]:
    if not isinstance(error, dict):
        return
    yield from (error.get("type"), error.get("code"), error.get("status"), error.get("error_type"))
    yield _dict(error.get("innererror")).get("code")
    details = error.get("details")
    yield from (each.get("reason") for each in details if isinstance(each, dict)) if isinstance(details, list) else ()
    # OpenRouter, where a moderator refused the question.
    if "flagged_input" in _dict(error.get("metadata")):
        yield "content_policy"


def _wait(error: object) -> float | None:
    """How long to wait, where the error says it and not the headers of the reply."""
    error = _dict(error)
    metadata = _dict(error.get("metadata"))
    headers = {str(name).lower(): value for name, value in _dict(metadata.get("headers")).items()}
    details = error.get("details")
    delays = [each.get("retryDelay") for each in details if isinstance(each, dict)] if isinstance(details, list) else []
    told = (headers.get("retry-after"), metadata.get("retry_after"), error.get("retry_after"), *delays)
    waits = (_seconds(each) for each in told)
    return next((each for each in waits if each is not None), None)


def _seconds(told: object) -> float | None:
    if isinstance(told, str):
        told = told.removesuffix("s")
        return float(told) if told.replace(".", "", 1).isdecimal() else None
    return max(0.0, float(told)) if isinstance(told, int | float) and not isinstance(told, bool) else None


def _parameter(found: Json, error: object) -> str | None:
    """The parameter of ours that the provider refuses, which an option of the model can leave out."""
    error = _dict(error)
    said = " ".join(str(error.get(name) or "") for name in ("param", "code", "type", "message"))
    said += str(found.get("detail") or "")
    named = _PARAMETER.search(said)
    return named[0] if named and _REFUSES.search(said) else None


def _dict(found: object) -> Json:
    return found if isinstance(found, dict) else {}
