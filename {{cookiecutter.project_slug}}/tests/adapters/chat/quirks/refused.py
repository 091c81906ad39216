"""Fields that providers refuse, in their own words. The call is made again without the field."""

from app.adapters.chat.fields import LIMITS
from app.llm.domain.errors import RequestRejected
from tests.adapters.chat.quirks.provider import GOOD, GOOD_STREAM, Gives, Quirk, Sent, sent, streamed


def _refuses(provider: str, sends: str, *fields: str, reply: Sent, stream: bool = False, plain: bool = True) -> Quirk:
    """A reply that refuses fields, then a good one."""
    having = tuple(LIMITS[name] for name in fields if name in LIMITS)
    tools = "tools" in fields
    return Quirk(
        provider,
        sends,
        Gives(requests=2, without=fields, having=having),
        (reply, GOOD) if plain and not stream else (),
        () if tools else (reply, GOOD_STREAM),
        logprobs=True,
        tools=tools,
    )


def _error(message: str, status: int = 400, **error: object) -> Sent:
    return sent({"error": {"message": message, "type": "invalid_request_error", **error}}, status)


def _extra(*path: str, status: int = 422) -> Sent:
    return sent(
        {"detail": [{"type": "extra_forbidden", "loc": list(path), "msg": "Extra inputs are not permitted"}]}, status
    )


QUIRKS = (
    _refuses(
        "OpenAI",
        "that max_tokens is not supported with this model",
        "max_tokens",
        reply=_error(
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            param="max_tokens",
            code="unsupported_parameter",
        ),
    ),
    _refuses(
        "OpenAI",
        "that temperature takes its default only",
        "temperature",
        reply=_error(
            "Unsupported value: 'temperature' does not support 0 with this model. "
            "Only the default (1) value is supported.",
            param="temperature",
            code="unsupported_value",
        ),
    ),
    _refuses(
        "OpenAI",
        "403 for logprobs",
        "logprobs",
        reply=_error("You are not allowed to request logprobs from this model", 403),
    ),
    _refuses(
        "OpenAI",
        "that a model cannot stream",
        "stream",
        "stream_options",
        stream=True,
        reply=_error(
            "Unsupported value: 'stream' does not support true with this model.",
            param="stream",
            code="unsupported_value",
        ),
    ),
    _refuses(
        "Azure",
        "an unrecognized argument",
        "logprobs",
        reply=_error("Unrecognized request argument supplied: logprobs", param=None, code=None),
    ),
    _refuses(
        "Mistral",
        "422 with the place of an extra field",
        "stream_options",
        stream=True,
        reply=_extra("body", "stream_options"),
    ),
    _refuses(
        "Mistral",
        "an extra field within the message of an error",
        "logprobs",
        reply=sent(
            {"object": "error", "message": {"detail": [{"type": "extra_forbidden", "loc": ["body", "logprobs"]}]}}, 422
        ),
    ),
    _refuses("Groq", "that a property is unsupported", "logprobs", reply=_error("property 'logprobs' is unsupported")),
    _refuses(
        "DeepSeek",
        "that a model does not support the parameter",
        "logprobs",
        reply=_error("deepseek-reasoner does not support the parameter `logprobs`"),
    ),
    _refuses(
        "Gemini",
        "an unknown name, in a list",
        "logprobs",
        reply=sent(
            [
                {
                    "error": {
                        "code": 400,
                        "status": "INVALID_ARGUMENT",
                        "message": 'Invalid JSON payload received. Unknown name "logprobs"',
                        "details": [{"fieldViolations": [{"field": "logprobs", "description": "Unknown name"}]}],
                    }
                }
            ],
            400,
        ),
    ),
    _refuses(
        "Anthropic",
        "that temperature is deprecated for this model",
        "temperature",
        reply=_error("`temperature` is deprecated for this model."),
    ),
    _refuses(
        "Moonshot",
        "the only value that is allowed",
        "temperature",
        reply=_error("invalid temperature: only 1 is allowed for this model"),
    ),
    _refuses(
        "Cohere",
        "that a parameter is not a valid field",
        "stream_options",
        stream=True,
        reply=sent({"message": "unknown field: parameter 'stream_options' is not a valid field"}, 422),
    ),
    _refuses(
        "Perplexity",
        "where an extra field was",
        "logprobs",
        reply=_error('["At body -> logprobs: Extra inputs are not permitted"]', code=400),
    ),
    _refuses(
        "OpenRouter",
        "the error of its provider as raw text, with status 200",
        "temperature",
        reply=sent(
            {
                "error": {
                    "message": "Provider returned error",
                    "code": 400,
                    "metadata": {
                        "raw": '{"error": {"message": "Unsupported parameter: \'temperature\' is not supported."}}'
                    },
                }
            }
        ),
    ),
    Quirk(
        "OpenRouter",
        "a refused field in the first event of a stream",
        Gives(requests=2, without=("temperature",)),
        stream=(
            streamed(
                ": OPENROUTER PROCESSING",
                {
                    "error": {
                        "code": 400,
                        "message": "Unsupported parameter: 'temperature' is not supported with this model.",
                    }
                },
            ),
            GOOD_STREAM,
        ),
    ),
    _refuses(
        "OpenRouter",
        "404 where no provider supports tools",
        "tools",
        "tool_choice",
        reply=_error("No endpoints found that support tool use.", 404),
    ),
    _refuses(
        "Ollama",
        "that a model does not support tools",
        "tools",
        "tool_choice",
        reply=_error("registry.ollama.ai/library/gemma:2b does not support tools"),
    ),
    _refuses(
        "vLLM",
        "that tools need an option of the server",
        "tools",
        "tool_choice",
        reply=sent(
            {
                "object": "error",
                "message": '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
                "type": "BadRequestError",
                "param": None,
                "code": 400,
            },
            400,
        ),
    ),
    _refuses(
        "llama.cpp",
        "500 where tools need an option of the server",
        "tools",
        "tool_choice",
        reply=_error("tools param requires --jinja flag", 500, type="server_error"),
    ),
    _refuses(
        "LiteLLM",
        "the parameters that a provider does not support",
        "logprobs",
        reply=_error(
            "litellm.UnsupportedParamsError: xai does not support parameters: ['logprobs'], for model=grok", code="400"
        ),
    ),
    _refuses(
        "TGI",
        "plain text",
        "logprobs",
        reply=sent(b"Failed to deserialize the JSON body: unknown field `logprobs`", 422, kind="text/plain"),
    ),
    Quirk(
        "OpenAI",
        "one refused field after the other",
        Gives(requests=4, without=("max_tokens", "temperature", "logprobs"), having=("max_completion_tokens",)),
        (
            _error("…", param="max_tokens", code="unsupported_parameter"),
            _error("…", param="temperature", code="unsupported_value"),
            _error("Unknown parameter: 'logprobs'.", param="logprobs"),
            GOOD,
        ),
        logprobs=True,
    ),
    Quirk(
        "Together",
        "a token limit that is too large, which no other name would help",
        Gives(failure=RequestRejected),
        (_error("max_tokens is too large: 24. This model supports at most 16 tokens.", param="max_tokens"),),
    ),
    Quirk(
        "OpenAI",
        "that the messages are wrong, which are required",
        Gives(failure=RequestRejected),
        (
            _error(
                "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
                param="messages[0].role",
                code="unsupported_value",
            ),
        ),
    ),
    Quirk(
        "OpenAI",
        "that the schema of a tool is wrong",
        Gives(failure=RequestRejected),
        (
            _error(
                "Invalid schema for function 'open_gate': In context=(), 'format' is not permitted.",
                param="tools[0].function.parameters",
                code="invalid_function_parameters",
            ),
        ),
        tools=True,
    ),
)
