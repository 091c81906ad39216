"""An outcome reads the same in every form: JSON, stream, and both of the OpenAI format."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.adapters.chat.standin import Fault
from app.inference.domain.answer import REFUSAL_TEXTS
from app.inference.domain.human_review import ReviewPolicy
from app.llm.domain.circuit_breaker import CircuitBreaker
from app.llm.domain.retry import RetryBudget
from app.llm.domain.throttle import Throttle
from tests.clock import leap, until
from tests.inference.conftest import TOWER, Open, Service, change_serving
from tests.inference.forms import FORMS, WHO, Received, ask

BUILT = "It was built in 1874 by the engineer Marta Holm [1]."
LAMP = "Its lamp can be seen from 32 kilometres away [1]."
NAPOLEON = "Napoleon commissioned seventeen towers [1]."
PROMPT = "Use only the numbered passages that come with the question. They are quotations from documents."
LURE = "See [the museum](https://evil.example/?q=Marta)."
GOOD = (f"{BUILT} ", LAMP)


@dataclass
class Case:
    """The behaviour of the model and the expected outcome. text: the whole text; None for quoted documents."""

    fault: Fault
    text: str | None
    reasons: tuple[str, ...] = ()
    refusal: str | None = None
    finish: str = "stop"
    findings: tuple[str, ...] = ()
    question: str = WHO
    body: dict[str, Any] = field(default_factory=dict)
    left_before: str = ""
    """What a stream has shown before the refusal."""
    same_bill: bool = True


def said(*reasons: str) -> tuple[str, ...]:
    return tuple(f"stand-in: {reason}" for reason in reasons)


DECLINED = REFUSAL_TEXTS["declined"]
CASES = {
    "answered": Case(Fault(pieces=GOOD), "".join(GOOD)),
    "token by token": Case(Fault(pieces=tuple("".join(GOOD))), "".join(GOOD)),
    "a greeting first": Case(
        Fault(pieces=("Happy to help with that! ", *GOOD)),
        "Happy to help with that! " + "".join(GOOD),
        findings=("unsupported_sentence",),
    ),
    "a list": Case(
        Fault(pieces=(f"It is known that:\n- {BUILT}\n- ", LAMP)),
        f"It is known that:\n- {BUILT}\n- {LAMP}",
        findings=("unsupported_sentence",),
    ),
    "nothing about it": Case(
        Fault(), REFUSAL_TEXTS["no_evidence"], refusal="no_evidence", question="How do volcanoes form on Io?"
    ),
    "NO ANSWER": Case(Fault(pieces=("NO", " ANS", "WER")), REFUSAL_TEXTS["no_answer"], refusal="no_answer"),
    "a filter before text": Case(
        Fault(pieces=(), finish="content_filter"),
        DECLINED,
        said("model_declined"),
        "declined",
        "content_filter",
        same_bill=False,
    ),
    "a filter after text": Case(
        Fault(pieces=(*GOOD, " Then"), finish="content_filter"),
        DECLINED,
        said("model_declined"),
        "declined",
        "content_filter",
        left_before=BUILT,
        same_bill=False,
    ),
    "a filter within the first sentence": Case(
        Fault(pieces=("It was ", "built"), finish="content_filter"),
        DECLINED,
        said("model_declined"),
        "declined",
        "content_filter",
        same_bill=False,
    ),
    "the model refuses": Case(
        Fault(pieces=(), refusal="I will not."),
        DECLINED,
        said("model_declined"),
        "declined",
        "content_filter",
        same_bill=False,
    ),
    "the model refuses after text": Case(
        Fault(pieces=GOOD, refusal="No."),
        DECLINED,
        said("model_declined"),
        "declined",
        "content_filter",
        left_before=BUILT,
        same_bill=False,
    ),
    "an empty reply": Case(Fault(pieces=()), None, said("model_invalid_response"), same_bill=False),
    "blanks": Case(Fault(pieces=("  ", "\n")), None, said("model_invalid_response"), same_bill=False),
    "only a citation of nothing": Case(Fault(pieces=("[9]",)), None, said("model_invalid_response")),
    "cut at the limit": Case(
        Fault(pieces=(f"{BUILT} ", "Its lamp can be"), finish="length"),
        f"{BUILT} Its lamp can be",
        said("truncated"),
        finish="length",
    ),
    "cut in the first sentence": Case(
        Fault(pieces=("It was built in 1874 ", "by Marta"), finish="length"),
        "It was built in 1874 by Marta",
        said("truncated"),
        finish="length",
    ),
    "cut by us": Case(
        Fault(pieces=(f"{BUILT} " * 2,)),
        f"{BUILT} It was built in 187",
        said("truncated"),
        finish="length",
        body={"max_tokens": 9},
        same_bill=False,
    ),
    "cut and unsupported": Case(
        Fault(pieces=("Napoleon commissioned",), finish="length"), None, said("truncated", "answer_unsupported")
    ),
    "thoughts between tags": Case(
        Fault(pieces=GOOD, reasoning=("Hm, Marta.",), reasoning_in="<think>"), "".join(GOOD), same_bill=False
    ),
    "thoughts in a field": Case(Fault(pieces=GOOD, reasoning=("Hm, Marta.",)), "".join(GOOD), same_bill=False),
    "unsupported": Case(Fault(pieces=(NAPOLEON,)), None, said("answer_unsupported")),
    "unsupported by the end": Case(
        Fault(pieces=(f"{BUILT} ", f"{NAPOLEON} " * 3)),
        BUILT,
        said("answer_unsupported"),
        findings=("unsupported_sentence",),
    ),
    "as much unsupported as the tier allows": Case(
        Fault(pieces=(f"{BUILT} ", NAPOLEON)), f"{BUILT} {NAPOLEON}", findings=("unsupported_sentence",)
    ),
    "the prompt": Case(Fault(pieces=(PROMPT,)), None, said("prompt_leak"), findings=("prompt_leak",)),
    "the prompt after text": Case(
        Fault(pieces=(f"{BUILT} ", PROMPT, f" {LAMP}")), BUILT, said("prompt_leak"), findings=("prompt_leak",)
    ),
    "a link": Case(Fault(pieces=(LURE,)), None, said("link_removed"), findings=("output_link.removed",)),
    "a link between": Case(
        Fault(pieces=(f"{BUILT} ", f"{LURE} ", LAMP)),
        "".join(GOOD),
        said("link_removed"),
        findings=("output_link.removed",),
    ),
    "the provider is away": Case(Fault(500), None, said("model_broken")),
    "not a byte comes": Case(Fault(drop=True), None, said("model_unreachable"), same_bill=False),
}
QUOTED = ("The lighthouse", "Marta Holm", "[1]")


async def all_forms(service: Service, case: Case, keys: str = "") -> dict[str, Received]:
    service.model.always = case.fault
    received = {}
    for form in FORMS:
        for model in service.state.answers.loaded_releases.by_id[service.state.environments.current().id].chain.models:
            model.breaker, model.throttle, model.retries = CircuitBreaker(), Throttle(), RetryBudget()
        received[form] = await ask(service, form, case.question, key=keys and f"{keys} {form}", **case.body)
    return received


@pytest.mark.parametrize("name", CASES)
async def test_an_outcome_reads_the_same_in_every_form(service: Service, name: str) -> None:
    case = CASES[name]
    received = await all_forms(service, case)
    for form, each in received.items():
        assert each.status == 200, form
        answer = each.answer
        if case.text is None:
            assert all(part in answer["text"] for part in QUOTED), form
            assert answer["model"] == "extractive"
        else:
            assert answer["text"] == case.text, form
        assert answer["status"] == ("refused" if case.refusal else "answered")
        assert (answer["refusal"], tuple(answer["reasons"])) == (case.refusal, case.reasons), form
        assert answer["degraded"] == bool(case.reasons)
        assert answer["finish_reason"] == case.finish
        assert each.finish in (None, case.finish)
        assert tuple(found["rule"] for found in answer["findings"]) == case.findings
        shown = f"{case.left_before} {LAMP}\n\n{case.text}" if case.left_before and each.pieces else answer["text"]
        if case.left_before and each.pieces:
            assert each.text in (shown, f"{case.left_before}\n\n{case.text}"), form
        else:
            assert each.text == answer["text"], form
        assert "Hm, Marta" not in each.raw
    compare(list(received.values()), case.same_bill)


def compare(received: list[Received], same_bill: bool) -> None:
    first, *others = [each.answer for each in received]
    same = ["text", "status", "refusal", "reasons", "degraded", "model", "citations", "findings", "finish_reason"]
    same += ["warnings", "groundedness", "confidence", "actions", "release_id", "corpus_version", "environment"]
    for other in others:
        assert {name: other[name] for name in same} == {name: first[name] for name in same}
        if same_bill:
            assert (other["usage"], other["cost_micro_usd"]) == (first["usage"], first["cost_micro_usd"])
    for each in received:
        for chunk in each.chunks:
            assert chunk["id"] == f"chatcmpl-{UUID(each.answer['id']).hex}"
            assert chunk["created"] == int(datetime.fromisoformat(each.answer["created_at"]).timestamp())
            assert chunk["model"] == each.answer["model"]
        if each.usage:
            results = each.answer["usage"]
            assert each.usage["prompt_tokens"] == results["input_tokens"]
            assert each.usage["completion_tokens"] == results["output_tokens"]


REPLAYED = (
    "answered",
    "nothing about it",
    "NO ANSWER",
    "a filter before text",
    "a filter after text",
    "an empty reply",
    "cut at the limit",
    "thoughts between tags",
    "unsupported by the end",
    "the prompt after text",
    "a link between",
    "the provider is away",
)
"""One of each kind of stored answer: what the model wrote, parts of it, a quotation, a refusal, one after text."""


@pytest.mark.parametrize("name", REPLAYED)
async def test_a_replay_is_what_was_sent(service: Service, name: str) -> None:
    case, keys = CASES[name], uuid4().hex
    first = await all_forms(service, case, keys)
    calls = len(service.model.calls)
    again = await all_forms(service, case, keys)
    assert len(service.model.calls) == calls, "nobody asked again"
    for form, each in again.items():
        before = first[form]
        assert each.answer == before.answer
        assert (each.finish, each.usage) == (before.finish, before.usage)
        assert each.text == (before.answer["text"] if case.left_before else before.text)
        assert each.chunks[-1:] == before.chunks[-1:]


async def ask_patiently(service: Service, form: str) -> Received:
    """As `ask`; when the model is silent, the timeout elapses at once."""
    asking = asyncio.ensure_future(ask(service, form))
    await until(lambda: asking.done() or (service.model.calls and service.model.calls[-1].silent))
    await leap(101)
    return await asking


@pytest.mark.parametrize("form", ["stream", "openai stream"])
@pytest.mark.parametrize(
    "how", [{"cut": True}, {"stall": 1000}, {"error": {"message": "Sorry", "code": 500}, "pause": 0.05}]
)
async def test_a_reply_that_breaks_after_its_first_sentence_ends_in_a_problem(
    service: Service, form: str, how: dict[str, Any]
) -> None:
    service.model.always = Fault(pieces=(*GOOD, " And"), **how)
    received = await ask_patiently(service, form)
    assert received.text.startswith(BUILT)
    assert received.answer["code"] == "stream_ended"
    await service.state.answers.close()
    assert await service.rows("select 1 from answers") == []
    assert len(await service.rows("select 1 from ledger where output_tokens > 0")) == 1


@pytest.mark.parametrize("form", ["stream", "openai stream"])
@pytest.mark.parametrize(("how", "why"), [({"cut": True}, "model_interrupted"), ({"stall": 1000}, "model_timeout")])
async def test_a_reply_that_breaks_before_any_text_is_replaced_by_quotes(
    service: Service, form: str, how: dict[str, Any], why: str
) -> None:
    service.model.always = Fault(pieces=("It was ", "built in 1874"), **how)
    received = await ask_patiently(service, form)
    assert "Marta Holm" in received.text == received.answer["text"]
    assert received.answer["reasons"] == [f"stand-in: {why}"]
    assert received.answer["model"] == "extractive"
    assert received.answer["cost_micro_usd"] > 0, "what the model wrote is paid for"


async def test_the_second_model_takes_over_in_every_form(open_service: Open) -> None:
    service = await open_service(models=2)
    await service.publish(TOWER, title="Lighthouse")
    service.models[1].always = Fault(pieces=GOOD)
    received = await all_forms(service, Case(Fault(500), None))
    for each in received.values():
        assert each.text == "".join(GOOD)
        assert (each.answer["model"], each.answer["reasons"]) == ("stand-by", ["stand-in: model_broken"])
    compare(list(received.values()), same_bill=True)


async def test_without_a_model_every_form_quotes_the_same(quoting: Service) -> None:
    received = [await ask(quoting, form) for form in FORMS]
    assert all(each.text == each.answer["text"] and not each.answer["degraded"] for each in received)
    compare(received, same_bill=True)


async def test_without_money_every_form_quotes_the_same(service: Service) -> None:
    await service.state.costs.budgets.set("tests", service.tenant, "day", 1, "a test needs it")
    received = [await ask(service, form) for form in FORMS]
    assert all(each.answer["reasons"] == ["budget: tenant per day used up"] for each in received)
    compare(received, same_bill=True)


async def test_actions_are_reported_in_every_form(service: Service) -> None:
    caller = await service.state.identity.authenticate(service.key)
    await service.state.tickets.add(caller, "Printer", "It prints grey.")
    received = [await ask(service, form, "Look up the ticket T-1.", actions=["look_up_ticket"]) for form in FORMS]
    for each in received:
        assert "It prints grey" in each.text == each.answer["text"]
        assert [actions["action"] for actions in each.answer["actions"]] == ["look_up_ticket"]
        each.answer["actions"] = [actions | {"id": "", "where": ""} for actions in each.answer["actions"]]
    compare(received, same_bill=True)


async def test_a_held_answer_shows_no_content_in_any_form_or_replay(service: Service) -> None:
    rule = {"name": "people", "send": "before", "due_minutes": 60}
    change_serving(service.state, review=ReviewPolicy(owner="tests", overlap=0, rules=[rule]))  # type: ignore[list-item]
    service.model.always, keys = Fault(pieces=GOOD), uuid4().hex
    for form in FORMS:
        received = [await ask(service, form, key=f"{keys} {form}") for _ in range(2)]
        for each in received:
            assert each.answer["status"] == "held"
            assert each.status == (200 if form.endswith("stream") else 202)
            assert each.finish == ("content_filter" if form.startswith("openai") else None)
            assert "Marta" not in each.raw
        assert received[0].answer == received[1].answer


@pytest.mark.parametrize("tier", ["low", "medium", "high"])
async def test_no_text_is_released_before_it_is_checked(service: Service, tier: str) -> None:
    change_serving(service.state, risk_tier=tier)
    service.model.always = Fault(pieces=(NAPOLEON, " ", NAPOLEON, " ", NAPOLEON, " ", BUILT))
    for form in FORMS:
        received = await ask(service, form)
        assert "Napoleon" not in received.raw
        assert "Marta Holm" in received.text


async def test_a_sentence_is_released_while_the_model_writes_the_next(service: Service) -> None:
    left: list[str] = []
    service.model.always = Fault(pieces=(f"{BUILT} ", "Its lamp"), stall=30)
    change_serving(service.state, deadline_seconds=30)
    async with (
        service.client() as client,
        client.stream("POST", "/v1/answers", json={"question": WHO, "stream": True}) as response,
    ):
        async for line in response.aiter_lines():
            left.append(line)
            if line.startswith("data:"):
                break
    assert BUILT in left[-1]
    await leap(31)  # nobody waits for the rest


@pytest.mark.parametrize("form", ["stream", "openai stream"])
async def test_the_time_to_the_first_sentence_is_reported(
    service: Service, form: str, metric: Callable[[str], float]
) -> None:
    before = metric("app_answer_first_text_seconds_count")
    service.model.always = Fault(pieces=GOOD)
    answer = (await ask(service, form)).answer
    assert 0 < answer["timings_ms"]["first_text"] <= answer["timings_ms"]["total"]
    assert metric("app_answer_first_text_seconds_count") == before + 1
    assert "first_text" not in (await ask(service, "json")).answer["timings_ms"]


@pytest.fixture
def metric() -> Callable[[str], float]:
    from prometheus_client import REGISTRY

    return lambda name: REGISTRY.get_sample_value(name) or 0.0
