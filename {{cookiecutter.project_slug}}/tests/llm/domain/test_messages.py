"""Estimates and bounds of the tokens of a request, and the confidence of a reply."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.costs.domain import Usage
from app.llm.domain.messages import ChatRequest, Message, Tool, ToolCall, confidence_of, estimate_usage, max_usage

HELLO = ChatRequest((Message("user", "Hello"),), max_tokens=10)
TOOL = Tool("close", "Closes.", {"type": "object"})


@pytest.mark.parametrize(
    ("logprobs", "confidence"),
    [
        (None, None),
        ([], None),
        ([0.0], 1.0),
        ([math.log(0.5), math.log(0.5)], 0.5),
        ([math.log(0.9), math.log(0.4)], 0.6),
        ([-math.inf, 0.0], 0.0),
    ],
)
def test_confidence_is_the_geometric_mean_of_the_probabilities(
    logprobs: list[float] | None, confidence: float | None
) -> None:
    assert confidence_of(logprobs) == (None if confidence is None else pytest.approx(confidence))


@pytest.mark.parametrize(
    ("text", "reasoning", "expected"),
    [
        ("", 0, Usage(2)),
        ("abcd", 0, Usage(2, output=1)),
        ("abcde", 0, Usage(2, output=2)),  # a started token counts
        ("", 5, Usage(2, output=2, reasoning=2)),
        ("abc", 5, Usage(2, output=2, reasoning=2)),
    ],
)
def test_an_estimate_rounds_up_and_counts_reasoning_as_output(text: str, reasoning: int, expected: Usage) -> None:
    assert estimate_usage(HELLO, text, reasoning) == expected


def test_an_estimate_counts_tool_calls_and_the_declarations_of_tools() -> None:
    call = ToolCall("c", "close", '{"ticket": "T-1"}')
    asked = ChatRequest((Message("assistant", "", (call,)),), tools=(TOOL,))
    characters = len("close" + '{"ticket": "T-1"}') + len('closeCloses.{"type": "object"}')
    assert estimate_usage(asked, "").input == math.ceil(characters / 4)


texts = st.text(max_size=80)


@given(st.lists(texts, max_size=4), texts, st.booleans())
def test_the_bound_is_never_below_an_estimate_or_the_bytes_of_all_text(
    contents: list[str], written: str, tools: bool
) -> None:
    messages = tuple(Message("user", each) for each in contents)
    asked = ChatRequest(messages, max_tokens=len(written) + 1, tools=(TOOL,) if tools else ())
    bound, estimate = max_usage(asked), estimate_usage(asked, written)
    assert bound.input >= estimate.input
    assert bound.input > sum(len(each.encode()) for each in contents)
    assert bound.output == asked.max_tokens >= estimate.output


def test_a_request_with_further_messages_leaves_the_first_as_it_was() -> None:
    more = HELLO.then(Message("assistant", "Hi"), Message("user", "Who?"))
    assert [each.content for each in more.messages] == ["Hello", "Hi", "Who?"]
    assert len(HELLO.messages) == 1
    assert (more.max_tokens, more.max_characters) == (10, 80)
    assert HELLO.then() == HELLO
