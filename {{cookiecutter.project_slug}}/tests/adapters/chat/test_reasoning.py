"""Reasoning between tags is removed wherever the text is split, and an answer about tags stays complete."""

import pytest

from app.adapters.chat.reasoning import ReasoningFilter

ANSWER = "The pool opens at six. [1]"

BEFORE = [
    "<think>a</think>",
    "<think>\nsecret\n</think>\n\n",
    "<THINK >a</ think >",
    '<thinking budget="3">a <b>c</b></thinking>\n',
    "\n <thought>a</thought>",
    "<reasoning>a</reasoning> ",
    "<think></think>\n\n",
    "<think/>",
    "</think>",
    "<think>a <think>b</think> c</think>",
    "<think>says `<think>` and goes on</think>",
    "<think>says `</think>` and goes on</think>",
    "<think>a</thinking>",
    "<think>a</think><reflection>b</reflection>",
    "<seed:think>a</seed:think>",
    "[THINK]a[/THINK]",
    "◁think▷a◁/think▷",
    "<|thought|>a<|/thought|>",
    "<|begin_of_thought|>a<|end_of_thought|>\n<|begin_of_solution|>",
    "<|START_THINKING|>a<|END_THINKING|><|START_RESPONSE|>",
    "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>",
    "<|channel|>final<|message|>",
    "<|channel>thought\na<channel|>",
]

UNTOUCHED = [
    "Use the <think> tag. [1]",
    "The pair <think>x</think> is a tag. [1]",
    'A `</think>` closes it, and so does "</think>". [1]',
    "```html\n<think>x</think></think>\n``` is odd. [1]",
    "[1] says so.",
    "<5 mg a day [1]",
    "  <b>bold</b> [thing] <= 3 <",
    "<thinker> is no such tag. [1]",
]


AGAIN = [
    ("One. [1]\n<think>secret</think>\nTwo. [2]", "One. [1]\nTwo. [2]"),
    ("One. [1] <think>secret</think> Two. [2]", "One. [1] Two. [2]"),
    ("<think>a</think>One. [1]\n\n<thinking>secret</thinking>Two. [2]", "One. [1]\n\nTwo. [2]"),
    ("One! [THINK]secret[/THINK]Two.", "One! Two."),
    ("One. [1]\n<think>secret", "One. [1]\n"),
]


@pytest.mark.parametrize(("text", "answer"), AGAIN)
def test_reasoning_between_sentences_of_the_answer_is_removed_too(text: str, answer: str) -> None:
    assert {read(text, size) for size in range(1, len(text) + 1)} == {answer}


def read(text: str, size: int, *, inside: bool = False) -> str:
    reasoning = ReasoningFilter(inside)
    pieces = [reasoning.feed(text[at : at + size]) for at in range(0, len(text), size)]
    return "".join([*pieces, reasoning.end()])


@pytest.mark.parametrize("before", BEFORE)
def test_reasoning_before_the_answer_is_removed_wherever_the_text_is_split(before: str) -> None:
    text = before + ANSWER
    assert {read(text, size) for size in range(1, len(text) + 1)} == {ANSWER}


@pytest.mark.parametrize("text", UNTOUCHED)
def test_an_answer_about_tags_stays_complete_wherever_it_is_split(text: str) -> None:
    assert {read(text, size) for size in range(1, len(text) + 1)} == {text}


@pytest.mark.parametrize("text", ["<think>secret", "<think>a <think>b</think> secret", "<thi", "[THINK]secret", " \n"])
def test_unclosed_reasoning_is_no_answer(text: str) -> None:
    assert {read(text, size) for size in range(1, len(text) + 1)} == {""}


def test_text_before_an_unopened_closing_tag_is_removed() -> None:
    reasoning = ReasoningFilter()
    assert reasoning.feed(f"secret</think>\n{ANSWER}") + reasoning.end() == ANSWER
    late = ReasoningFilter()
    assert late.feed("secret") == "secret"
    assert not late.unopened
    assert late.feed(f"</think>\n{ANSWER}") == ANSWER
    assert late.unopened


@pytest.mark.parametrize("text", [f"secret</think>\n{ANSWER}", f"<think>secret</think>{ANSWER}", f"</think>{ANSWER}"])
def test_a_text_that_begins_inside_is_reasoning_until_it_is_closed(text: str) -> None:
    assert {read(text, size, inside=True) for size in range(1, len(text) + 1)} == {ANSWER}
    assert read("secret", 2, inside=True) == ""


def test_text_that_looks_like_a_tag_is_not_buffered_for_long() -> None:
    reasoning = ReasoningFilter()
    assert len(reasoning.feed("<think " + "of it, " * 40)) > 200
