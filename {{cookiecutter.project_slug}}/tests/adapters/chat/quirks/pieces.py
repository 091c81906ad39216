"""What the chunks of a stream and the parts of a reply contain."""

from dataclasses import replace

from app.costs.domain import Usage
from app.llm.domain.errors import InvalidResponse
from tests.adapters.chat.quirks.provider import (
    HELLO,
    LAST,
    STOP,
    TEXT,
    USAGE,
    Gives,
    Quirk,
    in_choice,
    piece,
    reply,
    sent,
    streamed,
)

FINE = Gives()
FILTER = {"hate": {"filtered": False, "severity": "safe"}}
ESTIMATED = Gives(usage=None)


QUIRKS = (
    Quirk(
        "Azure",
        "results of its filter in a first chunk without choices",
        FINE,
        (sent(reply() | {"prompt_filter_results": [{"prompt_index": 0, "content_filter_results": FILTER}]}),),
        (streamed({"choices": [], "prompt_filter_results": [{"content_filter_results": FILTER}]}, *HELLO, STOP, LAST),),
    ),
    Quirk(
        "Azure",
        "results of its asynchronous filter in chunks without a delta",
        FINE,
        stream=(
            streamed(
                *HELLO,
                in_choice(
                    index=0,
                    finish_reason=None,
                    content_filter_results=FILTER,
                    content_filter_offsets={"check_offset": 9},
                ),
                STOP,
                LAST,
            ),
        ),
    ),
    Quirk(
        "vLLM",
        "a running usage in every chunk",
        FINE,
        stream=(
            streamed(
                *(
                    {**each, "usage": {"prompt_tokens": 7, "completion_tokens": n}}
                    for n, each in enumerate((*HELLO, STOP))
                ),
                LAST,
            ),
        ),
    ),
    Quirk(
        "SGLang",
        "null in place of the role, the usage and the calls",
        FINE,
        stream=(
            streamed(
                piece("Good ", role=None, tool_calls=None, reasoning_content=None) | {"usage": None},
                piece("day.", role=None, tool_calls=None) | {"usage": None},
                piece(None, "stop") | {"usage": None},
                LAST,
            ),
        ),
    ),
    Quirk(
        "Ollama",
        "the role in every chunk, and the last with the finish reason and no text",
        FINE,
        stream=(
            streamed(
                piece("Good ", role="assistant"),
                piece("day.", role="assistant"),
                piece("", "stop", role="assistant"),
                LAST,
            ),
        ),
    ),
    Quirk(
        "llama.cpp",
        "its timings in the last chunk, and a null content",
        FINE,
        (sent(reply() | {"timings": {"prompt_n": 7}}),),
        (streamed(piece(role="assistant", content=None) | {"timings": {}}, *HELLO, STOP | {"timings": {}}, LAST),),
    ),
    Quirk(
        "Groq",
        "its usage in a member of its own",
        FINE,
        stream=(streamed(HELLO[0] | {"x_groq": {"id": "r"}}, *HELLO[1:], STOP | {"x_groq": {"usage": USAGE}}),),
    ),
    Quirk(
        "Moonshot",
        "the usage within the choice",
        FINE,
        stream=(streamed(*HELLO, in_choice(index=0, delta={}, finish_reason="stop", usage=USAGE)),),
    ),
    Quirk("Fireworks", "the usage with the finish reason", FINE, stream=(streamed(*HELLO, STOP | {"usage": USAGE}),)),
    Quirk("Qwen", "the usage twice", FINE, stream=(streamed(*HELLO, STOP | {"usage": USAGE}, LAST),)),
    Quirk("a gateway", "the usage before the last chunk", FINE, stream=(streamed(*HELLO, LAST, STOP),)),
    Quirk(
        "a gateway",
        "null in place of the choices",
        FINE,
        stream=(streamed({"choices": None}, *HELLO, STOP, {"choices": None, "usage": USAGE}),),
    ),
    Quirk(
        "a gateway",
        "a usage without counts",
        ESTIMATED,
        (sent(reply(usage={"prompt_tokens": 0})),),
        (streamed(*HELLO, STOP, {"choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": 0}}),),
    ),
    Quirk("a gateway", "no usage", ESTIMATED, (sent(reply(usage=None)),), (streamed(*HELLO, STOP),)),
    Quirk(
        "Databricks",
        "counts that are floats",
        FINE,
        (sent(reply(usage={"prompt_tokens": 7.0, "completion_tokens": 3.0, "total_tokens": 10.0})),),
        (streamed(*HELLO, STOP, {"choices": [], "usage": {"prompt_tokens": 7.0, "completion_tokens": 3.0}}),),
    ),
    Quirk(
        "a gateway",
        "counts that are texts",
        FINE,
        (sent(reply(usage={"prompt_tokens": "7", "completion_tokens": "3"})),),
        (streamed(*HELLO, STOP, {"choices": [], "usage": {"prompt_tokens": "7", "completion_tokens": "3"}}),),
    ),
    Quirk(
        "a gateway",
        "counts by the names of another interface",
        FINE,
        (sent(reply(usage={"input_tokens": 7, "output_tokens": 3})),),
        (streamed(*HELLO, STOP, {"choices": [], "usage": {"input_tokens": 7, "output_tokens": 3}}),),
    ),
    Quirk(
        "DeepSeek",
        "the cached tokens by another name",
        replace(FINE, usage=Usage(7, 5, 3)),
        (sent(reply(usage={**USAGE, "prompt_cache_hit_tokens": 5, "prompt_cache_miss_tokens": 2})),),
        (streamed(*HELLO, STOP, {"choices": [], "usage": {**USAGE, "prompt_cache_hit_tokens": 5}}),),
    ),
    Quirk(
        "Gemini",
        "no index",
        FINE,
        (sent(in_choice(message={"content": TEXT}, finish_reason="stop") | {"usage": USAGE}),),
        (
            streamed(
                in_choice(delta={"role": "assistant", "content": "Good "}),
                in_choice(delta={"content": "day."}),
                in_choice(delta={}, finish_reason="stop"),
                LAST,
            ),
        ),
    ),
    Quirk(
        "Perplexity",
        "its sources beside the choices, and all text so far with each delta",
        FINE,
        (sent(reply() | {"citations": ["https://example.org"], "search_results": []}),),
        (
            streamed(
                *(
                    in_choice(index=0, delta={"content": text}, message={"content": whole}, finish_reason=None)
                    | {"citations": ["https://example.org"]}
                    for text, whole in (("Good ", "Good "), ("day.", TEXT))
                ),
                in_choice(index=0, delta={}, message={"content": TEXT}, finish_reason="stop"),
                LAST,
            ),
        ),
    ),
    Quirk(
        "LiteLLM",
        "fields of its own, and a time with fractions",
        FINE,
        (sent(reply(provider_specific_fields=None, function_call=None, audio=None) | {"created": 1.5}),),
        (streamed(*(each | {"created": 1.5, "provider": "x"} for each in HELLO), STOP, LAST),),
    ),
    Quirk(
        "Mistral",
        "text as a list of parts",
        FINE,
        (sent(reply([{"type": "text", "text": "Good "}, {"type": "text", "text": "day."}])),),
        (streamed(piece([{"type": "text", "text": "Good "}]), piece(["day."]), STOP, LAST),),
    ),
    Quirk(
        "a gateway",
        "text as an object",
        FINE,
        (sent(reply({"type": "text", "text": TEXT})),),
        (streamed(piece({"type": "text", "text": TEXT}), STOP, LAST),),
    ),
    Quirk(
        "a gateway",
        "text as from an endpoint of plain completions",
        FINE,
        (sent(in_choice(index=0, text=TEXT, finish_reason="stop") | {"usage": USAGE}),),
        (streamed(in_choice(index=0, text="Good "), in_choice(index=0, text="day."), STOP, LAST),),
    ),
    Quirk(
        "a gateway",
        "null in place of a delta",
        FINE,
        stream=(streamed(*HELLO, in_choice(index=0, delta=None), STOP, LAST),),
    ),
    Quirk(
        "a gateway",
        "a message in place of each delta",
        FINE,
        stream=(
            streamed(
                in_choice(index=0, message={"content": "Good "}), in_choice(message={"content": "day."}), STOP, LAST
            ),
        ),
    ),
    Quirk(
        "Cohere",
        "the whole text again in its last chunk",
        FINE,
        stream=(streamed(*HELLO, in_choice(index=0, message={"content": TEXT}, finish_reason="COMPLETE"), LAST),),
    ),
    Quirk(
        "a gateway",
        "a second choice that nobody asked for",
        FINE,
        (sent({**reply(), "choices": [{"index": 1, "message": {"content": "Bad night."}}, *reply()["choices"]]}),),
        (
            streamed(
                HELLO[1], in_choice(index=1, delta={"content": "Bad"}, finish_reason="length"), HELLO[2], STOP, LAST
            ),
        ),
    ),
    Quirk(
        "a gateway",
        "the finish reason in a chunk without a delta, then an empty one",
        FINE,
        stream=(streamed(*HELLO, in_choice(index=0, finish_reason="stop"), piece("", "stop", role="assistant"), LAST),),
    ),
    Quirk(
        "a gateway",
        "one character in two escapes of two chunks",
        Gives("Good 🌞."),
        (
            sent(
                b'{"choices": [{"message": {"content": "Good \\ud83c\\udf1e."}}], "usage":'
                b' {"prompt_tokens": 7, "completion_tokens": 3}}'
            ),
        ),
        (
            streamed(
                b'data: {"choices": [{"delta": {"content": "Good \\ud83c"}}]}',
                b'data: {"choices": [{"delta": {"content": "\\udf1e."}}]}',
                STOP,
                LAST,
            ),
        ),
    ),
    Quirk(
        "vLLM",
        "bytes of half a character, and NUL",
        Gives("Good \ufffd\ufffd."),
        (
            sent(
                b'{"choices": [{"message": {"content": "Good \xf0\\u0000."}}], "usage":'
                b' {"prompt_tokens": 7, "completion_tokens": 3}}'
            ),
        ),
        (streamed(b'data: {"choices": [{"delta": {"content": "Good \xf0\\u0000."}}]}', STOP, LAST),),
    ),
    Quirk(
        "a gateway",
        "control characters that are not escaped",
        Gives("Good\tday."),
        (
            sent(
                b'{"choices": [{"message": {"content": "Good\tday."}}], "usage":'
                b' {"prompt_tokens": 7, "completion_tokens": 3}}'
            ),
        ),
        (streamed(b'data: {"choices": [{"delta": {"content": "Good\tday."}}]}', STOP, LAST),),
    ),
    Quirk(
        "llama.cpp",
        "the token that ends its turn, and what it writes after it",
        FINE,
        (sent(reply("Good day.<|im_end|>\n<|im_start|>user\nWhy?")),),
        (streamed(*HELLO, piece("<|im_"), piece("end|>\n<|im_start|>user\nWhy?"), STOP, LAST),),
    ),
    Quirk(
        "SGLang",
        "NaN among the logprobs",
        FINE,
        (
            sent(
                b'{"choices": [{"message": {"content": "Good day."}, "logprobs": {"content": [{"logprob": NaN}]}}],'
                b' "usage": {"prompt_tokens": 7, "completion_tokens": 3}}'
            ),
        ),
        (
            streamed(
                b'data: {"choices": [{"delta": {"content": "Good day."},'
                b' "logprobs": {"content": [{"logprob": NaN}]}}]}',
                STOP,
                LAST,
            ),
        ),
        logprobs=True,
    ),
    Quirk(
        "a gateway", "no text", Gives(failure=InvalidResponse), (sent(reply(" ")),), (streamed(HELLO[0], STOP, LAST),)
    ),
)
