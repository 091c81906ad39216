"""Tool calls in chunks of a stream and in whole replies."""

from tests.adapters.chat.quirks.provider import LAST, Gives, Quirk, in_choice, piece, reply, sent, streamed

QUIRKS = (
    Quirk(
        "OpenAI",
        "tool calls, whose arguments are cut anywhere",
        Gives("", calls=(("open_gate", '{"gate": "G-7"}'),)),
        (
            streamed(
                piece(tool_calls=[{"index": 0, "id": "c", "function": {"name": "open_gate", "arguments": ""}}]),
                piece(tool_calls=[{"index": 0, "function": {"arguments": '{"gate": '}}]),
                piece(tool_calls=[{"index": 0, "function": {"arguments": '"G-7"}'}}]),
                piece(finish="tool_calls"),
                LAST,
            ),
        ),
        tools=True,
    ),
    Quirk(
        "Gemini",
        "tool calls without an index",
        Gives("", calls=(("open_gate", '{"gate": "G-7"}'), ("open_gate", "{}"))),
        (
            streamed(
                piece(tool_calls=[{"id": "a", "function": {"name": "open_gate", "arguments": '{"gate": "G-7"}'}}]),
                piece(tool_calls=[{"id": "b", "function": {"name": "open_gate", "arguments": "{}"}}]),
                piece(finish="stop"),
                LAST,
            ),
        ),
        tools=True,
    ),
    Quirk(
        "a gateway",
        "the name of a tool in two pieces, then with each piece of the arguments",
        Gives("", calls=(("open_gate", '{"gate": "G-7"}'),)),
        (
            streamed(
                piece(tool_calls=[{"index": 0, "id": "c", "function": {"name": "open_", "arguments": ""}}]),
                piece(tool_calls=[{"index": 0, "function": {"name": "gate"}}]),
                piece(tool_calls=[{"index": 0, "function": {"name": "open_gate", "arguments": '{"gate": '}}]),
                piece(tool_calls=[{"index": 0, "function": {"name": "open_gate", "arguments": '"G-7"}'}}]),
                piece(finish="tool_calls"),
                LAST,
            ),
        ),
        tools=True,
    ),
    Quirk(
        "a gateway",
        "the whole tool calls again in its last chunk",
        Gives("", calls=(("open_gate", "{}"),)),
        (
            streamed(
                piece(tool_calls=[{"index": 0, "id": "c", "function": {"name": "open_gate", "arguments": "{}"}}]),
                in_choice(
                    index=0,
                    message={"tool_calls": [{"id": "c", "function": {"name": "open_gate", "arguments": "{}"}}]},
                    finish_reason="tool_calls",
                ),
                LAST,
            ),
        ),
        tools=True,
    ),
    Quirk(
        "a gateway",
        "empty lists of tool calls, and the calls in its last chunk alone",
        Gives("", calls=(("open_gate", "{}"),)),
        (
            streamed(
                piece("", tool_calls=[]),
                in_choice(
                    index=0,
                    message={"tool_calls": [{"id": "c", "function": {"name": "open_gate", "arguments": "{}"}}]},
                    finish_reason="tool_calls",
                ),
                LAST,
            ),
        ),
        tools=True,
    ),
    Quirk(
        "vLLM",
        "the arguments of a tool call encoded twice",
        Gives("", calls=(("open_gate", '{"gate":"G-7"}'),)),
        (
            sent(
                reply(
                    None,
                    "tool_calls",
                    tool_calls=[{"function": {"name": "open_gate", "arguments": '"{\\"gate\\":\\"G-7\\"}"'}}],
                )
            ),
        ),
        tools=True,
    ),
    Quirk(
        "SGLang",
        "tool calls without an id, whose later pieces have an empty name",
        Gives("", calls=(("open_gate", '{"gate": "G-7"}'),)),
        (
            streamed(
                piece(tool_calls=[{"index": 0, "id": None, "function": {"name": "open_gate", "arguments": '{"gate"'}}]),
                piece(tool_calls=[{"index": 0, "id": "", "function": {"name": "", "arguments": ': "G-7"}'}}]),
                piece(finish="tool_calls"),
                LAST,
            ),
        ),
        tools=True,
    ),
    Quirk(
        "Ollama",
        "the arguments of a tool call as an object",
        Gives("", calls=(("open_gate", '{"gate":"G-7"}'),)),
        (
            sent(
                reply(
                    None, "tool_calls", tool_calls=[{"function": {"name": "open_gate", "arguments": {"gate": "G-7"}}}]
                )
            ),
        ),
        tools=True,
    ),
    Quirk(
        "a gateway",
        "a function call in the older form",
        Gives("", calls=(("open_gate", "{}"),)),
        (sent(reply(None, "function_call", function_call={"name": "open_gate", "arguments": "{}"})),),
        tools=True,
    ),
)
