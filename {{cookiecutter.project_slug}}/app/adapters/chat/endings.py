"""What a finish_reason means, by the words of all providers."""

from typing import Final

from app.adapters.chat.errors import failure_in
from app.llm.domain.messages import Finish

_INCOMPLETE: Final = {
    "error_limit",
    "finish_reason_unspecified",
    "incomplete",
    "length",
    "max_completion_tokens",
    "max_length",
    "max_new_tokens",
    "max_output_tokens",
    "max_time",
    "max_tokens",
    "model_context_window_exceeded",
    "model_length",
    "not_finished",
    "other",
    "pause_turn",
    "repetition",
    "time_limit",
    "token_limit",
    "truncated",
    "unknown",
    "user_cancel",
}
_FILTERED: Final = {
    "blocked",
    "blocklist",
    "content_filter",
    "content_filtered",
    "error_toxic",
    "guardrail_intervened",
    "image_safety",
    "jailbreak",
    "language",
    "moderation",
    "prohibited_content",
    "recitation",
    "refusal",
    "refused",
    "safety",
    "sensitive",
    "spii",
}
_FAILED: Final = {
    "abort",
    "aborted",
    "cancelled",
    "error",
    "failed",
    "insufficient_system_resource",
    "malformed_function_call",
    "malformed_model_output",
    "malformed_response",
    "malformed_tool_use",
    "network_error",
    "timeout",
    "too_many_tool_calls",
    "unexpected_tool_call",
}


def finish_of(reason: object) -> Finish:
    """The finish of a finish_reason. Errors: ModelFailure, for a reason that means an error."""
    word = str(reason).strip().lower().replace("-", "_").replace(" ", "_")
    word = word.rpartition(".")[2]
    if word in _FAILED:
        failure = failure_in({"type": word})
        failure.may_be_charged = True
        raise failure
    if word in _FILTERED:
        return "content_filter"
    return "length" if word in _INCOMPLETE else "stop"
