"""Personal data on the way of a question: what a model on another machine gets, and what the asker gets back."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from app.adapters.chat.choice import ModelChoice
from app.adapters.chat.standin import Fault, StandIn
from app.core.embedded import Urls
from app.safety.domain.personal_data import PersonalDataProtection, PersonalDataRules
from app.settings import Settings
from app.wiring import build
from tests.conftest import adopt
from tests.inference.conftest import Service, change_serving, loaded
from tests.inference.test_streaming import ask as ask_streamed
from tests.inference.test_tool_calls import NOTE, ask, desk

__all__ = ["desk"]

MAIL, PHONE, IBAN = "jane@acme.example", "+49 30 2312 5414", "DE89370400440532013000"
KEEPER = (
    f"The keeper of the lighthouse of Karlen is reached at {MAIL} or {PHONE}. "
    f"Donations for the lighthouse of Karlen go to the account {IBAN}."
)
WHO = f"How is the keeper of the lighthouse of Karlen reached, asks {MAIL}?"

ANOTHER = "0.0.0.0"  # noqa: S104, nothing binds to it: a connection to it ends here, and it is not this machine by name

Elsewhere = Callable[..., Awaitable[Service]]


def rules(**fields: Any) -> PersonalDataProtection:
    return PersonalDataProtection(PersonalDataRules.model_validate(fields))


@pytest_asyncio.fixture
async def elsewhere(house: Path, settings: Settings, database_urls: Urls) -> AsyncIterator[Elsewhere]:
    """Starts a service whose model is at an address that is not called this machine, by its own release."""
    async with AsyncExitStack() as stack:

        async def start(host: str = ANOTHER) -> Service:
            model = await stack.enter_async_context(StandIn())
            address = model.url.replace("127.0.0.1", host)
            choice = ModelChoice(model=model.model, base_url=address, idle_seconds=100, timeout_seconds=600)
            chosen = settings.model_copy(update={"root": house, "model_chain": (choice,)})
            state = await stack.enter_async_context(build(chosen, database_urls))
            await adopt(state)
            tenant = await state.identity.ensure_tenant(f"tenant-{uuid4().hex}")
            key = (await state.identity.create_key(tenant, "test", ["user"])).text
            url = await stack.enter_async_context(loaded(state))
            service = Service(state, url, tenant, key, [model])
            await service.publish(KEEPER, title="Keeper", uri="keeper.md")
            return service

        yield start


def sent(service: Service) -> str:
    return "\n".join(str(call.body["messages"]) for call in service.model.calls)


async def test_a_model_elsewhere_gets_pseudonyms_and_the_asker_the_values(elsewhere: Elsewhere) -> None:
    service = await elsewhere()
    reply = (await service.ask(WHO)).json()
    assert [each for each in (MAIL, PHONE, IBAN) if each in sent(service)] == []
    assert "EMAIL_1" in sent(service)
    assert "Words such as EMAIL_1 stand for values" in service.model.calls[0].body["messages"][0]["content"]
    assert (reply["status"], reply["model"], reply["degraded"]) == ("answered", "stand-in", False)
    assert MAIL in reply["text"]
    assert PHONE in reply["text"]
    assert "EMAIL_" not in str(reply)
    stored = await service.rows("select body from answers order by created_at desc limit 1")
    assert "EMAIL_" not in str(stored)


@pytest.mark.parametrize("size", [1, 3, 7])
async def test_a_stream_gives_the_values_back_wherever_it_is_cut(elsewhere: Elsewhere, size: int) -> None:
    service = await elsewhere()
    said = r"The keeper is reached at EMAIL_1 or PHONE_1. Donations go to the account IBAN\_1. [1]"
    pieces = tuple(said[at : at + size] for at in range(0, len(said), size))
    service.model.faults.append(Fault(pieces=pieces))
    events = await ask_streamed(service, question=WHO)
    text = "".join(data["text"] for name, data in events if name == "text")
    assert f"reached at {MAIL} or {PHONE}. Donations go to the account {IBAN}." in text
    assert events[-1][1]["text"] == text
    assert [each for each in (MAIL, PHONE, IBAN) if each in sent(service)] == []


async def test_a_model_on_this_machine_gets_the_values(elsewhere: Elsewhere) -> None:
    service = await elsewhere("127.0.0.1")
    reply = (await service.ask(WHO)).json()
    assert MAIL in sent(service)
    assert MAIL in reply["text"]


async def test_a_policy_that_keeps_prompts_sends_the_values(house: Path, elsewhere: Elsewhere, tmp_path: Path) -> None:
    policy = house / "policies" / "privacy.yaml"
    before = policy.read_text()
    policy.write_text(before.replace("internal: pseudonymise", "internal: keep"))
    try:
        service = await elsewhere()
        await service.ask(WHO)
    finally:
        policy.write_text(before)
    assert MAIL in sent(service)


@pytest.mark.parametrize(("action", "status"), [("keep", 200), ("flag", 200), ("refuse", 422)])
async def test_a_question_with_personal_data_is_kept_flagged_or_refused(
    service: Service, action: str, status: int
) -> None:
    change_serving(service.state, personal_data=rules(questions=action))
    reply = await service.ask(f"Who built the lighthouse of Karlen? I am {MAIL}.")
    assert reply.status_code == status
    flagged = [each["rule"] for each in reply.json()["findings"]]
    assert flagged == ([] if action == "keep" else ["personal_data.email"])
    assert MAIL not in str(reply.json().get("detail", ""))


@pytest.mark.parametrize("models", [0, 1])
async def test_answers_are_masked_plain_and_streamed_written_and_quoted(open_service: Any, models: int) -> None:
    service = await open_service(models=models, personal_data=rules(answers="mask"))
    await service.publish(KEEPER, title="Keeper", uri="keeper.md")
    plain = (await service.ask("How is the keeper of the lighthouse of Karlen reached?")).json()
    assert [each for each in (MAIL, PHONE, IBAN) if each in str(plain)] == []
    assert "[email]" in plain["text"]
    events = await ask_streamed(service, question="How is the keeper of the lighthouse of Karlen reached?")
    assert [each for each in (MAIL, PHONE, IBAN) if each in str(events)] == []
    text = "".join(data["text"] for name, data in events if name == "text")
    assert events[-1][1]["text"] == text
    assert "[email]" in text


async def test_answers_are_flagged_where_the_policy_says_so(service: Service) -> None:
    await service.publish(KEEPER, title="Keeper", uri="keeper.md")
    change_serving(service.state, personal_data=rules(answers="flag"))
    reply = (await service.ask("How is the keeper of the lighthouse of Karlen reached?")).json()
    assert {each["rule"] for each in reply["findings"]} >= {"personal_data.email", "personal_data.phone"}
    assert MAIL in reply["text"]


async def test_personal_data_in_a_question_is_flagged_and_does_not_taint_its_actions(desk: Service) -> None:
    change_serving(desk.state, personal_data=rules(questions="flag"))
    answer = await ask(desk, f"{NOTE} I am {MAIL}.")
    assert [each["rule"] for each in answer["findings"]] == ["personal_data.email"]
    assert [each["state"] for each in answer["actions"]] == ["approved"]
