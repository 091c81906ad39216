"""Reasoning, in every place where models put it. Every text of it here contains the word `secret`."""

from app.costs.domain import Usage
from app.llm.domain.errors import InvalidResponse
from tests.adapters.chat.quirks.provider import LAST, STOP, TEXT, Gives, Quirk, piece, reply, sent, streamed

THOUGHT = "a secret that is not for readers"
COUNTED = Gives(usage=Usage(7, output=30, reasoning=8))
USAGE = {"prompt_tokens": 7, "completion_tokens": 30, "total_tokens": 37}
END = {"id": "1", "choices": [], "usage": USAGE}
ESTIMATED = Gives(usage=None)
NOTHING = Gives(failure=InvalidResponse)


def _field(provider: str, name: str, value: object = THOUGHT) -> Quirk:
    """Reasoning in a field beside the content; the provider does not say how many tokens it was."""
    return Quirk(
        provider,
        f"reasoning in the field {name}",
        COUNTED,
        (sent(reply(usage=USAGE, **{name: value})),),
        (streamed(piece(**{name: value}), piece("Good "), piece("day."), STOP, END),),
    )


def _tagged(provider: str, before: str, what: str, gives: Gives = ESTIMATED) -> Quirk:
    """Reasoning within the text, which arrives in pieces of three characters."""
    text = before if gives.failure else before + TEXT
    cut = [piece(text[at : at + 3]) for at in range(0, len(text), 3)]
    return Quirk(provider, what, gives, (sent(reply(text, usage=None)),), (streamed(*cut, STOP),))


QUIRKS = (
    _field("DeepSeek", "reasoning_content"),
    _field("OpenRouter", "reasoning"),
    _field("OpenRouter", "reasoning_details", [{"type": "reasoning.text", "text": THOUGHT}]),
    _field("LiteLLM", "thinking_blocks", [{"type": "thinking", "thinking": THOUGHT, "signature": "x"}]),
    Quirk(
        "Mistral",
        "reasoning as a part of the content",
        COUNTED,
        (
            sent(
                reply(
                    [
                        {"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT}]},
                        {"type": "text", "text": TEXT},
                    ],
                    usage=USAGE,
                )
            ),
        ),
        (
            streamed(
                piece([{"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT}]}]),
                piece([{"type": "text", "text": TEXT}]),
                STOP,
                END,
            ),
        ),
    ),
    Quirk(
        "Databricks",
        "a summary of reasoning as a part of the content",
        COUNTED,
        (
            sent(
                reply(
                    [
                        {"type": "reasoning", "summary": [{"type": "summary_text", "text": THOUGHT}]},
                        {"type": "text", "text": TEXT},
                    ],
                    usage=USAGE,
                )
            ),
        ),
        (
            streamed(
                piece([{"type": "reasoning", "summary": [{"type": "summary_text", "text": THOUGHT}]}]),
                piece([{"type": "text", "text": TEXT}]),
                STOP,
                END,
            ),
        ),
    ),
    Quirk(
        "Gemini",
        "a thought, marked in extra_content",
        COUNTED,
        stream=(streamed(piece(THOUGHT, extra_content={"google": {"thought": True}}), piece(TEXT), STOP, END),),
    ),
    Quirk(
        "OpenAI",
        "the number of tokens of hidden reasoning",
        Gives(usage=Usage(7, output=30, reasoning=20)),
        (sent(reply(usage={**USAGE, "completion_tokens_details": {"reasoning_tokens": 20}})),),
        (
            streamed(
                piece(TEXT), STOP, END | {"usage": {**USAGE, "completion_tokens_details": {"reasoning_tokens": 20}}}
            ),
        ),
    ),
    Quirk(
        "xAI",
        "tokens of reasoning in the total alone",
        Gives(usage=Usage(7, output=23, reasoning=20)),
        (
            sent(
                reply(
                    usage={
                        "prompt_tokens": 7,
                        "completion_tokens": 3,
                        "total_tokens": 30,
                        "completion_tokens_details": {"reasoning_tokens": 20},
                    }
                )
            ),
        ),
        (
            streamed(
                piece(TEXT),
                STOP,
                END
                | {
                    "usage": {
                        "prompt_tokens": 7,
                        "completion_tokens": 3,
                        "total_tokens": 30,
                        "completion_tokens_details": {"reasoning_tokens": 20},
                    }
                },
            ),
        ),
    ),
    Quirk(
        "Gemini",
        "a total with more tokens than those of prompt and reply",
        Gives(usage=Usage(7, output=23, reasoning=20)),
        (sent(reply(usage={"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 30})),),
        (
            streamed(
                piece(TEXT), STOP, END | {"usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 30}}
            ),
        ),
    ),
    _tagged("Qwen", f"<think>\n{THOUGHT}\n</think>\n\n", "thoughts between `<think>` tags"),
    _tagged("Qwen", "<think>\n\n</think>\n\n", "an empty thought"),
    _tagged("Claude", f"<thinking>{THOUGHT}</thinking>\n", "thoughts between `<thinking>` tags"),
    _tagged("Gemini", f"<thought>{THOUGHT}</thought>", "thoughts between `<thought>` tags"),
    _tagged("a prompt", f"<inner_monologue>{THOUGHT}</inner_monologue>", "thoughts between `<inner_monologue>` tags"),
    _tagged("a prompt", f"<analysis>\n{THOUGHT}\n</analysis>\n", "thoughts between `<analysis>` tags"),
    _tagged("Magistral", f"[THINK]{THOUGHT}[/THINK]", "thoughts between `[THINK]` tags"),
    _tagged("Kimi", f"◁think▷{THOUGHT}◁/think▷", "thoughts between other brackets"),
    _tagged("Seed", f"<seed:think>{THOUGHT}</seed:think>", "thoughts between tags with a prefix"),
    _tagged(
        "gpt-oss",
        f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final<|message|>",
        "thoughts in a channel of its format",
    ),
    _tagged("Qwen", f"<think>{THOUGHT}", "a thought that is never closed", NOTHING),
    _tagged("Qwen", f"<think>{THOUGHT}</think>\n", "thoughts only", NOTHING),
    Quirk(
        "DeepSeek",
        "reasoning only, up to the token limit",
        NOTHING,
        (sent(reply(None, "length", reasoning_content=THOUGHT)),),
        (streamed(piece(reasoning_content=THOUGHT), piece(finish="length"), LAST),),
    ),
)
