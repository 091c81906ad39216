"""The confidence of a model is requested when a rule needs it, shown, and decides on the review of an answer."""

import math
from typing import Any

import pytest

from app.adapters.chat.choice import ModelChoice
from app.core.errors import StartRefused
from app.inference.domain.human_review import ReviewPolicy
from app.settings import Settings
from app.wiring import check
from tests.inference.conftest import Service, change_serving

WHO = "Who built the lighthouse of Karlen?"


def rules(service: Service, **when: Any) -> None:
    unsure = {"name": "unsure", "send": "before", "due_minutes": 60, "when": when}
    change_serving(service.state, review=ReviewPolicy(owner="tests", overlap=0, rules=[unsure]))  # type: ignore[list-item]


async def test_confidence_is_not_requested_unless_a_rule_needs_it(service: Service) -> None:
    rules(service, groundedness_below=0.1)
    answer = (await service.ask(WHO)).json()
    assert "logprobs" not in service.model.calls[0].body
    assert answer["confidence"] is None


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(("said", "status"), [(0.9, "answered"), (0.5, "held"), (None, "held")])
async def test_an_answer_with_low_confidence_is_held(
    service: Service, said: float | None, status: str, streaming: bool
) -> None:
    rules(service, confidence_below=0.6)
    service.model.confidence = said
    reply = await service.ask(WHO, stream=streaming)
    assert service.model.calls[0].body["logprobs"] is True
    last = reply.json() if not streaming else None
    shown = last or {"status": "held" if "event: held" in reply.text else "answered"}
    assert shown["status"] == status
    [(body,)] = await service.rows("select body->>'confidence' from answers")
    assert (float(body) if body else None) == (pytest.approx(said) if said else None)


async def test_confidence_is_requested_for_a_stream_that_is_reviewed_afterwards(service: Service) -> None:
    after = {"name": "unsure", "send": "after", "due_minutes": 60, "when": {"confidence_below": 0.6}}
    change_serving(service.state, review=ReviewPolicy(owner="tests", overlap=0, rules=[after]))  # type: ignore[list-item]
    service.model.confidence = 0.4
    reply = await service.ask(WHO, stream=True)
    assert service.model.calls[0].body["stream"] is True
    assert '"confidence":0.4' in reply.text
    assert await service.rows("select rule, state from reviewed_answers") == [("unsure", "delivered")]


async def test_a_quoted_answer_has_no_confidence(quoting: Service) -> None:
    rules(quoting, confidence_below=1.0)
    answer = (await quoting.ask(WHO)).json()
    assert (answer["status"], answer["confidence"]) == ("answered", None)


async def test_confidence_is_the_geometric_mean_of_the_token_probabilities(service: Service) -> None:
    from app.adapters.chat.standin import Fault

    rules(service, confidence_below=0.1)
    logs = [math.log(each) for each in (0.9, 0.4, 0.6)]
    content = [{"token": "x", "logprob": each, "bytes": [1], "top_logprobs": []} for each in logs]
    text = "It was built in 1874 by the engineer Marta Holm [1]."
    choice = {"index": 0, "message": {"content": text}, "finish_reason": "stop", "logprobs": {"content": content}}
    import orjson

    service.model.faults.append(
        Fault(body=orjson.dumps({"choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 3}}))
    )
    answer = (await service.ask(WHO)).json()
    assert answer["confidence"] == pytest.approx((0.9 * 0.4 * 0.6) ** (1 / 3))


@pytest.mark.parametrize("models", [{}, {"models": ["extr*"]}])
def test_a_rule_that_no_model_can_meet_stops_the_start(settings: Settings, tmp_path: Any, models: Any) -> None:
    import shutil

    shutil.copytree(settings.root / "policies", tmp_path / "policies")
    shutil.copytree(settings.root / "prompts", tmp_path / "prompts")
    when = {"confidence_below": 0.5, **models}
    (tmp_path / "policies" / "review.yaml").write_text(
        f"owner: tests\nrules: [{{name: doubt, send: before, due_minutes: 60, when: {when}}}]"
    )
    writes = ModelChoice(model="local", base_url="http://127.0.0.1:9/v1")
    here = settings.model_copy(update={"root": tmp_path, "model_chain": (writes,) if models else ()})
    with pytest.raises(StartRefused, match="rule 'doubt' has confidence_below, and APP_MODEL_CHAIN names no model"):
        check(here)
