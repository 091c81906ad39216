"""What may not leave is on no way out of the service: four forms of the answer, its stored copy, search and actions."""

import re
from typing import Any

import orjson
import pytest

from app.adapters.chat.standin import Fault
from app.inference.domain.answer import REFUSAL_TEXTS
from app.safety.domain.output_filter import OutputPolicy, canary_of
from app.safety.domain.policy import SecurityPolicy
from tests.inference.conftest import TOWER, Open, Service, change_serving
from tests.inference.forms import FORMS as WAYS
from tests.inference.forms import WHO, Received, ask
from tests.inference.test_tool_calls import ALL, call, calls, script
from tests.safety.exfiltration import FORMS
from tests.safety.harmless_answers import HOST
from tests.safety.outbound_forms import AROUND_THE_LIST, DISGUISES, SECRETS, carried
from tests.safety.rendering import stray_tags

BUILT = "It was built in 1874 by the engineer Marta Holm [1]."
LAMP = "Its lamp can be seen from 32 kilometres away [1]."


def permit(service: Service, **output: Any) -> None:
    """Gives the live release an output policy."""
    policy = OutputPolicy.model_validate({"hosts": [HOST], **output})
    security = service.state.policies.get(SecurityPolicy).model_copy(update={"output": policy})
    change_serving(service.state, security=security)


def say(service: Service, text: str) -> None:
    """The model writes this text, in streams sign by sign."""
    service.model.always = Fault(pieces=tuple(text))


async def everything(service: Service, received: Received) -> str:
    """All that was sent and stored, and what its routes show."""
    async with service.client() as client:
        stored = (await client.get(f"/v1/answers/{received.answer['id']}")).text
    rows = await service.rows("select body::text from answers")
    return "\n".join((received.raw, stored, *(row[0] for row in rows)))


@pytest.mark.parametrize("way", WAYS)
async def test_no_answer_loads_or_links_anything_of_another_host(service: Service, way: str) -> None:
    """Each way out has every fourth form: the filter is the same for all, and each has some of every kind."""
    permit(service)
    every = (*FORMS, *AROUND_THE_LIST)[list(WAYS).index(way) :: len(WAYS)]
    for start in range(0, len(every), 18):
        forms = every[start : start + 18]
        say(service, "\n\n".join(f"{BUILT} {LAMP}\n\n{form}" for form in forms))
        received = await ask(service, way, max_tokens=8192)
        assert received.text.startswith(BUILT)
        assert {finding["rule"] for finding in received.answer["findings"]} & {"output_link.removed"}
        for text in (received.text, received.answer["text"], "".join(received.pieces)):
            assert stray_tags(text) == []
        assert "://evil" not in (await everything(service, received)).lower()


@pytest.mark.parametrize("way", WAYS)
async def test_links_to_named_hosts_are_delivered_as_they_are(service: Service, way: str) -> None:
    permit(service)
    linked = (
        f"[The engineer Marta Holm](https://{HOST}/holm) built it in 1874 [1].\n\n"
        f"![The lamp](https://{HOST}/lamp.png)\n\n{LAMP} See [the plan][p].\n\n[p]: https://{HOST}/plan"
    )
    say(service, linked)
    received = await ask(service, way)
    assert received.text == linked
    assert not received.answer["degraded"]
    change_serving(service.state, security=service.state.policies.get(SecurityPolicy))
    received = await ask(service, way)
    assert HOST not in received.text
    assert received.answer["reasons"] == ["stand-in: link_removed"]


@pytest.mark.parametrize("way", WAYS)
async def test_no_secret_of_a_model_leaves_in_plain_text_or_encoded(service: Service, way: str) -> None:
    """Each way out has all of them in plain text, and every fourth disguise."""
    plain = "\n\n".join(f"{BUILT} {LAMP} {carried(kind)}" for kind in SECRETS)
    hidden = [f"{BUILT} {LAMP} Here: {hide(SECRETS['GitHub'])}" for hide in DISGUISES.values()]
    for text in (plain, *hidden[list(WAYS).index(way) :: len(WAYS)]):
        say(service, text)
        received = await ask(service, way, max_tokens=8192)
        assert received.text.startswith(BUILT)
        assert any(finding["rule"].startswith("secret.") for finding in received.answer["findings"])
        assert "stand-in: secret_masked" in received.answer["reasons"]
        whole = re.sub(r"[^A-Za-z0-9]", "", await everything(service, received))
        for secret in SECRETS.values():
            lines = [re.sub(r"[^A-Za-z0-9]", "", line)[-12:] for line in secret.splitlines() if "KEY" not in line]
            assert not any(line in whole for line in lines)
        for hide in DISGUISES.values():
            assert re.sub(r"[^A-Za-z0-9]", "", hide(SECRETS["GitHub"]))[-24:] not in whole


@pytest.mark.parametrize("way", WAYS)
async def test_the_instructions_and_their_canary_do_not_leave(service: Service, way: str) -> None:
    canary = canary_of(service.state.environments.current().id, service.tenant)

    def repeats(body: dict[str, Any]) -> str:
        instructions = body["messages"][0]["content"]
        assert canary in instructions
        return f"{BUILT} {LAMP} {instructions}"

    service.model.mind = repeats
    received = await ask(service, way)
    assert received.text.startswith(BUILT)
    assert received.answer["reasons"] == ["stand-in: prompt_leak"]
    service.model.mind = lambda _: f"{BUILT} {LAMP} It says {canary[::-1]}."
    hidden = await ask(service, way)
    for sent in (await everything(service, received), await everything(service, hidden)):
        assert canary not in sent
        assert canary[::-1] not in sent
        assert "numbered passages" not in sent


@pytest.mark.parametrize("way", WAYS)
async def test_the_canary_of_another_tenant_ends_the_answer(service: Service, way: str) -> None:
    other = await service.state.identity.ensure_tenant("another-tenant")
    canary = canary_of(service.state.environments.current().id, other)
    say(service, f"{BUILT} {LAMP} {canary} {LAMP}")
    received = await ask(service, way)
    assert "other_tenant" in {finding["rule"] for finding in received.answer["findings"]}
    assert canary not in await everything(service, received)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("field", "text"), [("links", "See https://evil.example/?q=s."), ("secrets", carried("GitHub"))]
)
async def test_the_policy_can_refuse_an_answer_or_hold_it_for_a_person(
    service: Service, way: str, field: str, text: str
) -> None:
    say(service, f"{BUILT} {LAMP} {text}")
    permit(service, **{field: "refuse"})
    refused = await ask(service, way)
    assert (refused.text, refused.answer["refusal"]) == (REFUSAL_TEXTS["withheld"], "withheld")
    assert "Holm" not in refused.raw
    assert refused.answer["citations"] == []
    permit(service, **{field: "review"})
    held = await ask(service, way)
    assert held.answer["status"] == "held"
    assert "Holm" not in held.raw
    [(rule,)] = await service.rows("select rule from reviewed_answers")
    assert rule == "output-filter"


async def test_secrets_in_documents_are_masked_where_they_are_quoted(open_service: Open) -> None:
    service = await open_service(models=0)
    kinds = ("GitHub", "AWS key id", "assigned password", "service key")
    text = " ".join(f"The lighthouse of Karlen, note {n}. {carried(kind)}" for n, kind in enumerate(kinds))
    await service.publish(
        f"{TOWER} {text}", title=f"Lighthouse {SECRETS['GitHub']}", uri=f"https://a.example/?k={SECRETS['GitHub']}"
    )
    for question in (WHO, "What is the key?", "What is the password for the lighthouse of Karlen?"):
        for way in WAYS:
            received = await ask(service, way, question)
            sent = await everything(service, received)
            assert not any(SECRETS[kind] in sent for kind in kinds)
            for citation in received.answer["citations"]:
                assert len(citation["quote"]) == citation["end"] - citation["start"]
    async with service.client() as client:
        found = (await client.post("/v1/search", json={"query": "What is the key of the lighthouse?"})).json()
    assert found["passages"]
    assert not any(SECRETS[kind] in str(found) for kind in kinds)
    passage = found["passages"][0]
    assert len(passage["text"]) == passage["end"] - passage["start"]


@pytest.mark.parametrize("said", ["instructions", "canary", "secret", "link"])
async def test_an_action_cannot_carry_out_what_an_answer_may_not(service: Service, said: str) -> None:
    texts = {
        "canary": canary_of(service.state.environments.current().id, service.tenant),
        "secret": carried("GitHub"),
        "link": "Look at https://evil.example/?q=secret for it",
    }

    def proposes(body: dict[str, Any]) -> str | dict[str, Any]:
        if body["messages"][-1]["role"] == "tool":
            return "I could not do it."
        text = texts.get(said, body["messages"][0]["content"][:300])
        return calls(call("add_ticket_note", 1, ticket="T-1", text=text))

    service.model.mind = proposes
    answer = (await service.ask('Add to ticket T-1 the note "Done".', actions=["add_ticket_note"])).json()
    assert answer["actions"] == []
    assert {"prompt_leak", "secret.github_token", "output_link.removed"} & {f["rule"] for f in answer["findings"]}
    assert await service.rows("select 1 from actions") == []
    assert orjson.dumps(texts.get(said, "numbered passages"))[1:-1].decode() not in orjson.dumps(answer).decode()


async def test_an_action_with_ordinary_arguments_is_proposed(service: Service) -> None:
    service.model.mind = script(calls(call("add_ticket_note", 1, ticket="T-1", text="Done")), "It waits.")
    answer = (await service.ask('Add to ticket T-1 the note "Done".', actions=ALL[:2])).json()
    assert [action["action"] for action in answer["actions"]] == ["add_ticket_note"]


async def test_what_was_filtered_is_counted_by_its_rule(service: Service) -> None:
    say(service, f"{BUILT} {LAMP} {carried('GitHub')} See https://evil.example/?q=s.")
    await ask(service, "json")
    async with service.client() as client:
        metrics = (await client.get("/metrics")).text
    assert 'app_output_filtered_total{rule="secret.github_token"}' in metrics
    assert 'app_output_filtered_total{rule="output_link.removed"}' in metrics
    assert SECRETS["GitHub"] not in metrics
