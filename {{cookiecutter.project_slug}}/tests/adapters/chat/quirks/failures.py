"""Errors: with their status, with status 200, within a choice or a stream."""

import orjson

from app.llm.domain.errors import (
    AuthenticationFailed,
    ContentFiltered,
    ModelFailure,
    ModelOverloaded,
    RequestRejected,
    ServerError,
)
from tests.adapters.chat.quirks.provider import EVENTS, HELLO, LAST, STOP, Gives, Quirk, Sent, reply, sent, streamed

LATE = "Fri, 01 Jan 2100 00:00:00 GMT"


def _fails(provider: str, sends: str, failure: type[ModelFailure], reply: Sent, wait: float | None = None) -> Quirk:
    return Quirk(provider, sends, Gives(failure=failure, wait=wait), (reply,), (reply,))


def _instead(provider: str, sends: str, failure: type[ModelFailure], error: object) -> Quirk:
    """An error with status 200 in place of a reply, or as the first event of a stream."""
    body = error if isinstance(error, dict) else {"error": error}
    return Quirk(provider, sends, Gives(failure=failure), (sent(body),), (streamed(body, done=""),))


QUIRKS = (
    _fails(
        "OpenAI",
        "429 with the time to wait",
        ModelOverloaded,
        sent({"error": {"type": "requests", "code": "rate_limit_exceeded"}}, 429, headers={"retry-after": "3"}),
        3,
    ),
    _fails(
        "OpenAI",
        "429 for a used-up account",
        AuthenticationFailed,
        sent({"error": {"type": "insufficient_quota", "code": "insufficient_quota"}}, 429),
    ),
    _fails(
        "Azure",
        "400 by its content filter",
        ContentFiltered,
        sent(
            {
                "error": {
                    "code": "content_filter",
                    "status": 400,
                    "innererror": {"code": "ResponsibleAIPolicyViolation"},
                }
            },
            400,
        ),
    ),
    _fails(
        "Qwen",
        "400 by its inspection of content",
        ContentFiltered,
        sent({"error": {"code": "data_inspection_failed", "type": "data_inspection_failed"}}, 400),
    ),
    _fails(
        "Anthropic",
        "529 while it is overloaded",
        ModelOverloaded,
        sent({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, 529),
    ),
    _fails(
        "Groq",
        "498 while its capacity is exceeded",
        ModelOverloaded,
        sent({"error": {"message": "Flex tier capacity exceeded", "type": "capacity_exceeded"}}, 498),
    ),
    _fails(
        "Gemini",
        "an error in a list, with the time to wait in its details",
        ModelOverloaded,
        sent([{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": [{"retryDelay": "4s"}]}}], 429),
        4,
    ),
    _fails(
        "Gemini",
        "a wrong key as an invalid argument",
        AuthenticationFailed,
        sent([{"error": {"code": 400, "status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]}}], 400),
    ),
    _fails(
        "Hugging Face",
        "503 with an estimated time while the model is loaded",
        ServerError,
        sent({"error": "Model is currently loading", "estimated_time": 20.5}, 503),
        20.5,
    ),
    _fails(
        "llama.cpp",
        "503 while the model is loaded",
        ServerError,
        sent({"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}, 503),
    ),
    _fails(
        "llama.cpp",
        "400 for a prompt that is too long",
        RequestRejected,
        sent({"error": {"code": 400, "type": "exceed_context_size_error", "n_ctx": 4096}}, 400),
    ),
    _fails(
        "Bedrock",
        "an error by the name of its exception",
        ModelOverloaded,
        sent({"__type": "ThrottlingException", "message": "Too many requests"}, 429),
    ),
    _fails(
        "Databricks",
        "an error by a code of its own",
        ModelOverloaded,
        sent({"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "Exceeded rate limit"}, 429),
    ),
    _fails(
        "NVIDIA NIM",
        "an error as problem details",
        ServerError,
        sent({"type": "about:blank", "status": 500, "title": "Internal Server Error", "detail": "…"}, 500),
    ),
    _fails(
        "a proxy",
        "an HTML page with status 502",
        ServerError,
        sent(b"<html><h1>502 Bad Gateway</h1></html>", 502, kind="text/html"),
    ),
    _fails(
        "a proxy",
        "a compressed error",
        ModelOverloaded,
        sent({"error": {"type": "rate_limit_error"}}, 429, encoding="gzip"),
    ),
    _fails(
        "a proxy",
        "an error that is not what its encoding says",
        ServerError,
        sent(b"oops", 503, headers={"content-encoding": "gzip"}),
    ),
    _fails("a proxy", "503 with a date for the next try", ServerError, sent(b"", 503, headers={"retry-after": LATE})),
    _fails("a proxy", "408", ServerError, sent(b"", 408)),
    _fails("a proxy", "413 for a body that is too large", RequestRejected, sent(b"too large", 413, kind="text/plain")),
    _fails(
        "a proxy",
        "a redirect, which is not followed",
        RequestRejected,
        sent(b"", 307, headers={"location": "http://127.0.0.1:9/"}),
    ),
    _instead(
        "OpenRouter",
        "an overload with status 200",
        ModelOverloaded,
        {"message": "Provider returned error", "code": 429},
    ),
    _instead(
        "OpenRouter",
        "a refusal of its moderation with status 200",
        ContentFiltered,
        {"code": 403, "message": "…", "metadata": {"flagged_input": "…", "reasons": ["violence"]}},
    ),
    _instead("OpenRouter", "a code that is a text", ServerError, {"code": "502", "message": "Upstream error"}),
    _instead(
        "vLLM",
        "an error object with status 200",
        RequestRejected,
        {"object": "error", "message": "…", "type": "BadRequestError", "code": 400},
    ),
    _instead(
        "LM Studio",
        "an error that is a text",
        RequestRejected,
        "Unexpected endpoint or method. (POST /chat/completions). Returning 200 anyway",
    ),
    _instead(
        "Qwen",
        "a code and a message without an error",
        ModelOverloaded,
        {"code": "Throttling.RateQuota", "message": "…", "request_id": "1"},
    ),
    _instead(
        "Cloudflare",
        "a list of errors",
        ModelOverloaded,
        {"success": False, "result": None, "errors": [{"code": 3040, "message": "Capacity temporarily exceeded"}]},
    ),
    _instead(
        "MiniMax",
        "an error beside null choices",
        ModelOverloaded,
        {"choices": None, "base_resp": {"status_code": 1002, "status_msg": "rate limit"}},
    ),
    _instead(
        "TGI",
        "an error with its kind beside it",
        ModelOverloaded,
        {"error": "Model is overloaded", "error_type": "overloaded"},
    ),
    Quirk(
        "a gateway",
        "an error without a word beside the reply",
        Gives(),
        (sent(reply() | {"error": {"code": None, "message": None}}),),
        (streamed(*(each | {"error": {"code": 0, "message": "success"}} for each in (*HELLO, STOP)), LAST),),
    ),
    Quirk(
        "OpenRouter",
        "an error within the choice",
        Gives(failure=ModelOverloaded),
        (
            sent(
                {
                    "choices": [
                        {"index": 0, "message": {"content": ""}, "finish_reason": "error", "error": {"code": 429}}
                    ]
                }
            ),
        ),
        (streamed({"choices": [{"index": 0, "delta": {}, "finish_reason": "error", "error": {"code": 429}}]}),),
    ),
    Quirk(
        "OpenRouter",
        "an error after the first text",
        Gives(failure=ServerError),
        stream=(
            streamed(
                *HELLO,
                {
                    "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
                    "error": {"code": 502, "message": "Provider disconnected"},
                },
            ),
        ),
    ),
    Quirk(
        "Anthropic",
        "an event named error",
        Gives(failure=ModelOverloaded),
        stream=(streamed('event: error\ndata: {"type": "error", "error": {"type": "overloaded_error"}}', done=""),),
    ),
    Quirk(
        "a proxy",
        "a line of JSON in the middle of a stream",
        Gives(failure=ModelOverloaded),
        stream=(Sent(b": hi\n\n" + orjson.dumps({"error": {"code": 429}}) + b"\n", kind=EVENTS, framing="close"),),
    ),
)
