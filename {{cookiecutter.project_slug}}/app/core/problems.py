"""Problems as HTTP responses. Encoding never fails, because every other error ends here."""

import contextlib
import math
from functools import cache
from typing import Any

import orjson
from fastapi.responses import Response

from app.core.errors import Problem
from app.core.redaction import redact, redact_value
from app.core.telemetry import counter
from app.core.text import safe_str

MEDIA = "application/problem+json"
LONGEST_WAIT = 10**9
OPENAI_PATHS = ("/v1/chat/", "/v1/models", "/v1/embeddings", "/v1/responses")

_problems = counter("app_problems_total", "Requests that ended in a problem, by its code.", ["code"])
_with_code = cache(_problems.labels)


def problem_response(problem: Problem, request_id: str, instance: str) -> Response:
    """The response for a problem; also counts it."""
    about = {"request_id": request_id, "instance": instance}
    headers = {} if (wait := retry_after(problem)) is None else {"retry-after": str(wait)}
    if problem.status == 401:
        headers["www-authenticate"] = "Bearer"
    count(problem)
    return Response(encoded(problem, about, is_openai(instance)), problem.status, headers, MEDIA)


def is_openai(path: str) -> bool:
    """Whether clients of this path expect the error in the member `error`."""
    return path.startswith(OPENAI_PATHS)


def count(problem: Problem) -> None:
    with contextlib.suppress(Exception):
        _with_code(problem.code).inc()


def retry_after(problem: Problem) -> int | None:
    """The value of Retry-After in whole seconds, at least one; None where the problem has none."""
    wait = problem.retry_after
    if wait is None:
        return None
    return min(max(1, round(wait)), LONGEST_WAIT) if math.isfinite(wait) else 1


def encoded(problem: Problem, about: dict[str, str] | None = None, for_openai: bool = False) -> bytes:
    """The problem as JSON; values that JSON cannot represent are converted to text or left out.

    for_openai: with the member `error`, where clients of the OpenAI API look for it.
    """
    own = about or {}

    def full() -> dict[str, Any]:
        return problem.as_dict() | ({"error": problem.as_openai()} if for_openai else {})

    for render in (full, lambda: _safe_str(full()), lambda: _plain(problem, for_openai)):
        with contextlib.suppress(Exception):
            return orjson.dumps(redact_value(render() | own), default=str, option=orjson.OPT_NON_STR_KEYS)
    return orjson.dumps(_plain(problem, for_openai) | {name: safe_str(text) for name, text in own.items()})


def _safe_str(body: dict[str, Any]) -> dict[str, Any]:
    return {safe_str(name): _encodable_value(value) for name, value in body.items()}


def _encodable_value(value: object) -> object:
    if _is_encodable(value):
        return value
    return _safe_str(value) if isinstance(value, dict) else safe_str(value)


def _is_encodable(value: object) -> bool:
    try:
        orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS)
    except Exception:
        return False
    return True


def _plain(problem: Problem, for_openai: bool) -> dict[str, Any]:
    kind, detail = type(problem), redact(safe_str(problem.detail))
    body = {"type": f"/problems/{kind.code}", "title": kind.title, "status": kind.status, "code": kind.code}
    error = {"message": detail, "type": "server_error", "code": kind.code, "param": None}
    return body | {"detail": detail} | ({"error": error} if for_openai else {})
