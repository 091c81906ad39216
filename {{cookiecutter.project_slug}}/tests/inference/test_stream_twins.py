"""What holds for a plain answer holds for a streamed one: each promise over every form of the response."""

import asyncio

import pytest
from prometheus_client import REGISTRY

from app.adapters.chat.standin import Fault
from app.inference.domain.answer import Question, TooManyAnswers
from app.inference.domain.grounding.checked_text import CheckedText
from app.inference.domain.human_review import ReviewPolicy
from app.safety.domain.policy import SecurityPolicy
from tests.clock import leap, until
from tests.conftest import override
from tests.inference.conftest import TOWER, Open, Service, change_serving
from tests.inference.forms import FORMS, WHO, ask

DEADLINE = 600
MADE_UP = "It was built in 1874 by Marta Holm [1]. Napoleon commissioned seventeen towers beside it [1]."
SUSPICIOUS = "Who built the light\u200bhouse of Karlen?"


def opened() -> float:
    return REGISTRY.get_sample_value("app_model_breaker_opened_total", {"model": "stand-in"}) or 0.0


@pytest.mark.parametrize("form", FORMS)
async def test_a_model_that_never_begins_leaves_time_for_quotes(open_service: Open, form: str) -> None:
    service = await open_service(deadline_seconds=DEADLINE)
    await service.publish(TOWER)
    service.model.always = Fault(hang=1000)
    asking = asyncio.ensure_future(ask(service, form))
    await service.asked()
    await leap(0.9 * DEADLINE)
    answer = (await asking).answer
    assert (answer["model"], answer["reasons"]) == ("extractive", ["stand-in: model_timeout"])
    assert answer["citations"]
    assert answer["timings_ms"]["total"] < 1000 * DEADLINE


@pytest.mark.parametrize("form", FORMS)
async def test_a_model_that_never_begins_leaves_time_for_the_next_one(open_service: Open, form: str) -> None:
    service = await open_service(models=2, deadline_seconds=DEADLINE)
    await service.publish(TOWER)
    service.models[0].always = Fault(hang=1000)
    asking = asyncio.ensure_future(ask(service, form))
    await service.asked()
    await leap(0.6 * DEADLINE)
    answer = (await asking).answer
    assert (answer["model"], answer["reasons"]) == ("stand-by", ["stand-in: model_timeout"])


@pytest.mark.parametrize("form", FORMS)
async def test_an_answer_says_which_model_failed_before_the_one_that_wrote_it(open_service: Open, form: str) -> None:
    service = await open_service(models=2)
    await service.publish(TOWER)
    service.models[0].always = Fault(400)
    answer = (await ask(service, form)).answer
    assert (answer["model"], answer["degraded"]) == ("stand-by", True)
    assert answer["reasons"] == ["stand-in: model_unacceptable"]


@pytest.mark.parametrize("form", FORMS)
async def test_an_answer_names_each_model_that_failed_once(open_service: Open, form: str) -> None:
    service = await open_service(models=2)
    await service.publish(TOWER)
    service.models[0].always = Fault(400)
    service.models[1].always = Fault(pieces=("It",), error={"code": 502}, pause=0.02)
    reasons = (await ask(service, form)).answer["reasons"]
    assert [each.partition(":")[0] for each in reasons] == ["stand-in", "stand-by"]


@pytest.mark.parametrize("form", FORMS)
async def test_failures_open_the_circuit_breaker_which_is_counted(open_service: Open, form: str) -> None:
    service, before = await open_service(), opened()
    await service.publish(TOWER)
    service.model.always = Fault(500)
    for _ in range(12):
        assert (await ask(service, form)).answer["model"] == "extractive"
    assert len(service.model.calls) < 12, "an open circuit calls nobody"
    assert opened() > before


@pytest.mark.parametrize("form", FORMS)
async def test_an_answer_above_the_limit_of_answers_at_once_is_refused(open_service: Open, form: str) -> None:
    service = await open_service()
    await service.publish(TOWER)
    override(service.state.answers, max_concurrent=1)
    service.model.faults.append(Fault(hang=50))
    first = asyncio.ensure_future(ask(service, form))
    await service.asked()
    refused = await ask(service, form)
    assert "too_many_answers" in refused.raw
    await leap(50)
    assert (await first).answer["status"] == "answered"
    assert (await ask(service, form)).answer["status"] == "answered", "its place is free again"


@pytest.mark.parametrize("streamed", [False, True])
async def test_the_limit_of_answers_at_once_holds_without_the_queue_before_it(service: Service, streamed: bool) -> None:
    answers = service.state.answers
    caller = await service.state.identity.authenticate(service.key)
    override(answers, max_concurrent=0)
    with pytest.raises(TooManyAnswers):
        if streamed:
            await anext(answers.stream(caller, Question(WHO)))
        else:
            await answers.answer(caller, Question(WHO))


@pytest.mark.parametrize("form", FORMS)
async def test_an_answer_that_fails_is_recorded_for_canary_and_error_budget(service: Service, form: str) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError

    override(service.state.answers.pipeline, contextualize=broken)
    assert "internal_error" in (await ask(service, form)).raw
    await service.state.answers.close()
    assert await service.rows("select code from answer_failures") == [("internal_error",)]


@pytest.mark.parametrize("form", FORMS)
async def test_at_high_risk_nothing_is_sent_before_all_of_it_is_checked(service: Service, form: str) -> None:
    change_serving(service.state, risk_tier="high", review=ReviewPolicy(owner="tests", overlap=0, rules=()))
    service.model.faults.append(Fault(pieces=tuple(MADE_UP.replace(". ", ".| ").split("|"))))
    received = await ask(service, form)
    assert "Napoleon" not in received.raw
    assert received.answer["degraded"]


async def test_at_high_risk_a_stream_is_checked_as_a_whole_by_its_first_line_too(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the second one, which buffers each sentence."""
    change_serving(service.state, risk_tier="high", review=ReviewPolicy(owner="tests", overlap=0, rules=()))
    monkeypatch.setattr(CheckedText, "_tier", property(lambda _: "low", lambda *_: None), raising=False)
    service.model.faults.append(Fault(pieces=tuple(MADE_UP.replace(". ", ".| ").split("|"))))
    assert len((await ask(service, "stream")).pieces) <= 1


@pytest.mark.parametrize("form", FORMS)
async def test_nothing_of_an_answer_that_a_suspicious_question_holds_is_sent(service: Service, form: str) -> None:
    change_serving(
        service.state,
        security=SecurityPolicy.model_validate({"owner": "tests", "questions": {"hidden_characters": "review"}}),
        review=ReviewPolicy(owner="tests", overlap=0, rules=()),
    )
    service.model.faults.append(Fault(pieces=("It was built in 1874 ", "by the engineer Marta Holm [1]. ", "Indeed.")))
    received = await ask(service, form, SUSPICIOUS)
    assert "held" in received.raw
    assert "Marta Holm" not in received.raw
    await until(lambda: not service.state.answers._in_progress.count)


@pytest.mark.parametrize("form", FORMS)
async def test_a_call_of_a_model_ends_after_its_timeout_seconds(open_service: Open, form: str) -> None:
    service = await open_service(options={"timeout_seconds": 70}, deadline_seconds=DEADLINE)
    await service.publish(TOWER)
    service.model.always = Fault(hang=1000)
    asking = asyncio.ensure_future(ask(service, form))
    await service.asked()
    await leap(71)
    assert (await asking).answer["reasons"] == ["stand-in: model_timeout"]
    assert service.state.answers.loaded_releases.of(service.state.environments.current()).chain.models[0].seconds == 70


@pytest.mark.parametrize("form", FORMS)
async def test_every_token_of_an_answer_is_counted(service: Service, form: str) -> None:
    def counted() -> dict[str, float]:
        labels = {"feature": "answer", "model": "stand-in"}
        kinds = ("input", "cached_input", "output")
        return {kind: REGISTRY.get_sample_value("app_tokens_total", {**labels, "kind": kind}) or 0 for kind in kinds}

    before = counted()
    await ask(service, form)
    [(whole, cached, written)] = await service.rows(
        "select input_tokens, cached_tokens, output_tokens from ledger where feature = 'answer'"
    )
    assert written > 0
    expected = {"input": whole - cached, "cached_input": cached, "output": written}
    assert {kind: now - before[kind] for kind, now in counted().items()} == expected
