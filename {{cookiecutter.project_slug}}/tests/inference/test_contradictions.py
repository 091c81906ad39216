"""A sentence that says the opposite of its passage does not reach a reader where the risk tier is high."""

import pytest

from app.adapters.chat.standin import Fault
from tests.inference.conftest import Open
from tests.inference.forms import FORMS, ask

KEYS = (
    "Keys expire after 90 days and can be revoked at any time. A revoked key is refused by every process within one "
    "second. Only an operator may create a key for another team."
)
WHEN = "When do keys expire?"


@pytest.mark.parametrize(
    "said",
    [
        "Keys never expire and cannot be revoked. [1]",
        "Keys expire after 30 days. [1]",
        "Anyone may create a key for another team. [1]",
        "A revoked key is refused by the proxy of Norvik within one second. [1]",
    ],
)
async def test_a_contradiction_is_not_delivered_at_risk_tier_high(open_service: Open, said: str) -> None:
    service = await open_service(risk_tier="high")
    await service.publish(KEYS, title="Keys", uri="keys.md")
    service.model.always = Fault(pieces=(said,))
    for form in FORMS:
        seen = await ask(service, form, WHEN)
        assert said.removesuffix(" [1]") not in seen.raw, form
        assert (seen.text, seen.answer["model"]) == (seen.answer["text"], "extractive")
        assert seen.answer["reasons"] == ["stand-in: answer_unsupported"]
        assert "Keys expire after 90 days" in seen.text


async def test_the_same_in_other_words_is_delivered_at_risk_tier_high(open_service: Open) -> None:
    service = await open_service(risk_tier="high")
    await service.publish(KEYS, title="Keys", uri="keys.md")
    said = "Keys are not valid for more than ninety days, and they can be revoked at any time. [1]"
    service.model.always = Fault(pieces=(said,))
    for form in FORMS:
        seen = await ask(service, form, WHEN)
        assert (seen.text, seen.answer["degraded"], seen.answer["groundedness"]) == (said, False, 1.0)


async def test_a_contradiction_beside_enough_support_is_a_finding(open_service: Open) -> None:
    service = await open_service(risk_tier="medium")
    await service.publish(KEYS, title="Keys", uri="keys.md")
    good = "A revoked key is refused by every process within one second. [1]"
    service.model.always = Fault(pieces=(f"{good} Keys never expire. [1] ", good))
    for form in FORMS:
        seen = await ask(service, form, WHEN)
        assert [found["rule"] for found in seen.answer["findings"]] == ["unsupported_sentence"]
        assert seen.answer["groundedness"] == pytest.approx(2 / 3)
