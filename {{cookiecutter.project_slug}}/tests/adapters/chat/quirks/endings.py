"""How replies end, other than with a stop."""

from app.llm.domain.errors import ModelFailure, OutputFiltered, ServerError
from tests.adapters.chat.quirks.provider import HELLO, LAST, STOP, Gives, Quirk, piece, reply, sent, streamed

FINE = Gives()


def _ends(provider: str, reason: str, gives: Gives, *, text: bool = True) -> Quirk:
    """A reply with this finish reason."""
    parts = HELLO if text else HELLO[:1]
    return Quirk(
        provider,
        f"the finish reason {reason}" + ("" if text else " without text"),
        gives,
        (sent(reply("Good day." if text else "", reason)),),
        (streamed(*parts, piece(finish=reason), LAST),),
    )


def _filtered_after_text(provider: str, reason: str) -> Quirk:
    return Quirk(
        provider,
        f"the finish reason {reason} after the first text",
        Gives(finish="content_filter"),
        stream=(streamed(*HELLO, piece(finish=reason), LAST),),
    )


def _failed(provider: str, reason: str, plain: type[ModelFailure] = ServerError) -> tuple[Quirk, ...]:
    """An error by its finish reason: before any text a failure, after it the end of the stream."""
    return (
        _ends(provider, reason, Gives(failure=plain), text=False),
        Quirk(
            provider,
            f"the finish reason {reason} after the first text",
            Gives(failure=ServerError),
            stream=(streamed(*HELLO, piece(finish=reason)),),
        ),
    )


FOUND = {"hate": {"filtered": True, "severity": "high"}, "violence": {"filtered": False, "severity": "safe"}}
TRUNCATED, FILTERED = Gives(finish="length"), Gives(failure=OutputFiltered)

QUIRKS = (
    _ends("TGI", "eos_token", FINE),
    _ends("Bedrock", "end_turn", FINE),
    _ends("Cohere", "COMPLETE", FINE),
    _ends("Gemini", "FinishReason.STOP", FINE),
    _ends("OpenAI", "length", TRUNCATED),
    _ends("Gemini", "MAX_TOKENS", TRUNCATED),
    _ends("Mistral", "model_length", TRUNCATED),
    _ends("Anthropic", "max_tokens", TRUNCATED),
    _ends("Anthropic", "pause_turn", TRUNCATED),
    _ends("watsonx", "time_limit", TRUNCATED),
    _ends("Gemini", "OTHER", TRUNCATED),
    _ends("Vertex", "FINISH_REASON_MAX_TOKENS", TRUNCATED),
    _ends("an SDK", "MaxTokens", TRUNCATED),
    _ends("a gateway", "context_length_exceeded", TRUNCATED),
    _ends("a gateway", "token limit reached", TRUNCATED),
    _ends("an SDK", "EndTurn", FINE),
    _ends("a gateway", "stop_sequence", FINE),
    _ends("Azure", "content_filter", FILTERED, text=False),
    _ends("Gemini", "SAFETY", FILTERED, text=False),
    _ends("Zhipu", "sensitive", FILTERED, text=False),
    _ends("Bedrock", "guardrail_intervened", FILTERED, text=False),
    _ends("Anthropic", "refusal", FILTERED, text=False),
    _filtered_after_text("Azure", "content_filter"),
    _ends("an SDK", "ContentFiltered", FILTERED, text=False),
    _ends("a gateway", "content_policy_violation", FILTERED, text=False),
    _filtered_after_text("Gemini", "RECITATION"),
    _filtered_after_text("Vertex", "FINISH_REASON_SAFETY"),
    *_failed("OpenRouter", "error"),
    *_failed("Zhipu", "network_error"),
    *_failed("DeepSeek", "insufficient_system_resource"),
    *_failed("vLLM", "abort"),
    *_failed("Gemini", "MALFORMED_FUNCTION_CALL"),
    *_failed("a gateway", "internal_error"),
    Quirk(
        "a gateway",
        "the finish reason length in an object",
        TRUNCATED,
        (sent(reply() | {"choices": [{"message": {"content": "Good day."}, "finish_reason": {"type": "length"}}]}),),
        (streamed(*HELLO, {"choices": [{"index": 0, "delta": {}, "finish_reason": {"type": "length"}}]}, LAST),),
    ),
    Quirk(
        "Azure",
        "that its asynchronous filter found something, and a stop all the same",
        Gives(finish="content_filter"),
        stream=(streamed(*HELLO, {"choices": [{"index": 0, "content_filter_results": FOUND}]}, STOP, LAST),),
    ),
    Quirk(
        "OpenAI",
        "a refusal in a field of its own",
        FILTERED,
        (sent(reply(None, refusal="I cannot help with that.")),),
        (streamed(HELLO[0], piece(refusal="I cannot "), piece(refusal="help."), STOP, LAST),),
    ),
    Quirk(
        "OpenAI",
        "a refusal as a part of the content",
        FILTERED,
        (sent(reply([{"type": "refusal", "refusal": "No."}])),),
        (streamed(piece([{"type": "refusal", "refusal": "No."}]), STOP, LAST),),
    ),
    Quirk(
        "Groq",
        "the finish reason twice, stop first",
        TRUNCATED,
        stream=(streamed(*HELLO, STOP, piece(finish="length"), LAST),),
    ),
)
