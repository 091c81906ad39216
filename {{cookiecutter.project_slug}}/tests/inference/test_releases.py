"""An answer and its release: assigned once, used to the end, recorded, replayed."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from app.adapters.chat.standin import Fault
from app.identity.domain import Principal
from app.inference.domain.answer import Question
from app.releases.domain import EvaluationEvidence, Prompt, ReleaseUnservable
from tests.clock import leap
from tests.inference.conftest import BRIDGE, TOWER, Open, Service

WHO = "Who built the lighthouse of Karlen?"


async def another(service: Service, **changes: Any) -> str:
    """A draft that differs from the live release."""
    base = service.state.environments.current().id
    release = await service.state.releases.create("ada", base=base, changes=changes or {"refusal.words": 0.2001})
    return release.id


async def live(service: Service, release_id: str) -> None:
    await service.state.rollouts.activate("ada", release_id, "a test", break_glass=True)


async def approve(service: Service, release_id: str) -> None:
    """Evaluate by one person and approve by another."""
    state = service.state
    async with state.database.transaction(None) as connection:
        await state.releases.mark_evaluated(connection, release_id, "evaluator", EvaluationEvidence("a" * 64, "PASS"))
    grace = Principal(service.tenant, UUID(int=1), "grace", frozenset({"service"}))
    await state.approvals.approve(grace, release_id, "looks good")


async def operator(service: Service) -> str:
    return (await service.state.identity.create_key(service.tenant, "operator", ["operator"])).text


async def test_an_answer_in_flight_ends_on_the_release_it_began_with(service: Service) -> None:
    before = service.state.environments.current().id
    after = await another(service)
    service.model.always = Fault(hang=100)
    asking = asyncio.ensure_future(service.ask(WHO))
    await service.asked()
    await live(service, after)
    await leap(100)
    assert (await asking).json()["release_id"] == before
    service.model.always = None
    assert (await service.ask(WHO)).json()["release_id"] == after


async def test_the_readiness_page_names_a_release_that_broke_the_glass(service: Service) -> None:
    release = await another(service, **{"refusal.words": 0.2002})
    await live(service, release)
    async with service.client() as client:
        notes = (await client.get("/health/ready")).json()["notes"]
    assert [each for each in notes if release[:12] in each and "went live by break-glass" in each]


async def test_a_switch_brings_prompt_parameters_and_policies_together(service: Service) -> None:
    state = service.state
    base = state.environments.current()
    prompt = Prompt.read("answer", b"You are terse. Say NO ANSWER if you must.")
    security = base.policies["security"].replace(b"question_characters: 2000", b"question_characters: 30")
    changed = base.manifest.model_copy(
        update={
            "prompts": {**base.manifest.prompts, "answer": prompt.digest},
            "retrieval": {**base.manifest.retrieval, "budget": 801},
            "policies": {**base.manifest.policies, "security": _digest(security)},
        }
    )
    parts = (await state.releases.show(base.id))[1] | {
        prompt.digest: prompt.text.encode(),
        _digest(security): security,
    }
    async with state.database.transaction(None) as connection:
        release = await state.releases.store(connection, changed, parts, "ada", "a test")
    await live(service, release.id)
    refused = await service.ask("A question of more than thirty characters, which is too long now.")
    assert refused.json()["code"] == "question_too_long"
    await service.ask("Who built the lighthouse?")
    assert "You are terse." in str(service.model.calls[-1].body)
    await state.rollouts.rollback("ada", "too terse")
    assert (await service.ask("Who built the lighthouse of Karlen above the village?")).status_code == 200
    assert "You are terse." not in str(service.model.calls[-1].body)


def _digest(content: bytes) -> str:
    from app.releases.domain import digest_of

    return digest_of(content)


async def test_an_answer_records_its_environment_and_side_of_a_canary(quoting: Service) -> None:
    state = quoting.state
    control, trial = state.environments.current().id, await another(quoting)
    await approve(quoting, trial)
    await state.rollouts.start_canary("ada", trial, 50, "carefully")
    before = by_arm(await metrics(quoting))
    seen = {}
    for number in range(12):
        answer = (await quoting.ask(WHO, conversation=f"talk {number}")).json()
        again = (await quoting.ask(WHO, conversation=f"talk {number}")).json()
        assert answer["release_id"] == again["release_id"]
        seen[f"{quoting.tenant}:talk {number}"] = answer["release_id"]
    assert set(seen.values()) == {control, trial}
    rows = await quoting.rows("select distinct unit, arm, release_id from answers where environment = 'production'")
    assert {unit: (arm, release) for unit, arm, release in rows} == {
        unit: ("canary" if release == trial else "control", release) for unit, release in seen.items()
    }
    canary = state.environments.served().pointer.canary
    assert canary
    found = await state.live_traffic.of([control, trial], canary.since, [quoting.tenant])
    assert len(found) == 24
    assert {outcome.arm for outcome in found} == {"canary", "control"}
    assert all(outcome.latency_ms > 0 and outcome.groundedness == 1.0 for outcome in found)
    numbers = {arm: str(release.number) for arm, release in state.environments.served().by_arm.items()}
    shown = await metrics(quoting)
    assert served_by_arm(shown) == numbers
    counted = by_arm(shown)
    for arm in ("control", "canary"):
        answers = sum(outcome.arm == arm for outcome in found)
        for metric in ("app_answers_total", "app_answer_groundedness_count"):
            assert counted[metric, arm] - before.get((metric, arm), 0) == answers
    await state.rollouts.end_canary("ada", "the test is over")
    assert set(served_by_arm(await metrics(quoting))) == {"live"}


async def metrics(service: Service) -> list[Sample]:
    async with service.client() as client:
        families = text_string_to_metric_families((await client.get("/metrics")).text)
    return [sample for family in families for sample in family.samples]


def by_arm(samples: list[Sample]) -> dict[tuple[str, str], float]:
    """Values by metric and arm of production."""
    found: dict[tuple[str, str], float] = {}
    for sample in samples:
        if sample.labels.get("environment") == "production" and "arm" in sample.labels:
            key = sample.name, sample.labels["arm"]
            found[key] = found.get(key, 0) + sample.value
    return found


def served_by_arm(samples: list[Sample]) -> dict[str, str]:
    """The numbers of the releases of production."""
    named = [each.labels for each in samples if each.name == "app_release_info"]
    return {each["arm"]: each["release"] for each in named if each["environment"] == "production"}


async def test_a_failure_during_a_canary_is_recorded(quoting: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    state = quoting.state
    trial = await another(quoting)
    await approve(quoting, trial)
    await state.rollouts.start_canary("ada", trial, 50, "carefully")

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(type(state.retrieval), "search", broken)
    assert (await quoting.ask(WHO)).status_code == 500
    await state.answers.close()
    monkeypatch.undo()
    canary = state.environments.served().pointer.canary
    assert canary
    found = await state.live_traffic.of([state.environments.current().id, trial], canary.since, [quoting.tenant])
    assert [outcome.failed for outcome in found] == [True]
    await state.rollouts.end_canary("ada", "the test is over")


async def test_a_trial_answers_on_any_release_and_leaves_nothing_but_its_cost(service: Service) -> None:
    state = service.state
    draft = await another(service, **{"refusal.words": 9, "refusal.coverage": 9, "refusal.both": 9})
    caller = await state.identity.authenticate(service.key)
    about = uuid4()
    trial = await state.trials.run(draft, caller, Question(WHO), subject_id=about)
    assert (trial.answer.refusal, trial.answer.release_id) == ("off_topic", draft)
    now = await state.trials.run(state.environments.current().id, caller, Question(WHO), subject_id=about)
    assert now.answer.status == "answered"
    assert await service.rows("select count(*) from answers") == [(0,)]
    charged = await service.rows("select feature, subject_id, release_id from ledger order by at")
    assert {(feature, subject) for feature, subject, _ in charged} == {("evaluation", about)}
    assert draft in {release for _, _, release in charged}


async def test_a_quoted_answer_is_replayed_exactly_on_its_own_release_and_documents(quoting: Service) -> None:
    answer = (await quoting.ask(WHO)).json()
    await quoting.publish("The lighthouse of Karlen was built by Olga Nimbus.", title="Rumour", uri="rumour.md")
    await live(quoting, await another(quoting, **{"retrieval.dense_weight": 0.1}))
    assert "Olga" in (await quoting.ask(WHO)).json()["text"]
    async with quoting.client(await operator(quoting)) as client:
        again = (await client.post(f"/v1/answers/{answer['id']}/replay")).json()
    assert (again["faithful"], again["same_evidence"], again["same_text"]) == (True, True, True)
    assert again["after"] == answer["text"]
    assert again["release_id"] == answer["release_id"]


async def test_a_replay_shows_what_was_deleted_and_does_not_bring_it_back(quoting: Service) -> None:
    state = quoting.state
    extra = await quoting.publish("The lighthouse of Karlen has a red roof.", title="Roof", uri="roof.md")
    answer = (await quoting.ask(WHO, sentences=1)).json()
    async with state.database.transaction(quoting.tenant) as connection:
        await state.retrieval.withdraw(connection, quoting.tenant, extra)
    async with quoting.client(await operator(quoting)) as client:
        again = (await client.post(f"/v1/answers/{answer['id']}/replay")).json()
    assert (again["faithful"], again["missing"]) == (False, 1)
    assert any(difference["after"] == "not found" for difference in again["differences"])


async def test_only_those_who_audit_may_replay_and_only_their_tenants_answers(quoting: Service) -> None:
    answer = (await quoting.ask(WHO)).json()
    async with quoting.client() as client:
        assert (await client.post(f"/v1/answers/{answer['id']}/replay")).status_code == 403
    other = await quoting.state.identity.ensure_tenant(f"tenant-{uuid4().hex}")
    key = (await quoting.state.identity.create_key(other, "other", ["operator"])).text
    async with quoting.client(key) as client:
        assert (await client.post(f"/v1/answers/{answer['id']}/replay")).status_code == 404
        assert (await client.post(f"/v1/answers/{UUID(int=5)}/replay")).status_code == 404


async def test_a_release_that_names_a_model_is_served_with_this_process_s_key(open_service: Open) -> None:
    service = await open_service(models=2)
    await service.publish(TOWER)
    await service.publish(BRIDGE)
    base = service.state.environments.current()
    turned = base.manifest.model_copy(update={"chain": (base.manifest.chain[1], base.manifest.chain[2])})
    parts = (await service.state.releases.show(base.id))[1]
    async with service.state.database.transaction(None) as connection:
        release = await service.state.releases.store(connection, turned, parts, "ada", "only the second model")
    await live(service, release.id)
    assert (await service.ask(WHO)).json()["model"] == "stand-by"


@pytest.mark.parametrize(
    "change",
    [
        {"retrieval.budget": 999_999_999_999},
        {"retrieval.dense_weight": 1.5},
        {"retrieval.exact_chunks": "many"},
        {"refusal.words": None},
        {"retrieval.budget": True},
    ],
)
async def test_an_unusable_value_is_neither_served_nor_activated(quoting: Service, change: dict[str, Any]) -> None:
    state = quoting.state
    draft = await another(quoting, **change)
    caller = await state.identity.authenticate(quoting.key)
    with pytest.raises(ReleaseUnservable, match=next(iter(change))):
        await state.trials.run(draft, caller, Question(WHO))
    with pytest.raises(ReleaseUnservable):
        await state.rollouts.activate("ada", draft, "a test", break_glass=True)


async def test_a_rollback_never_restores_deleted_or_restricted_documents(quoting: Service) -> None:
    state = quoting.state
    gone = await quoting.publish("The lighthouse of Karlen has a red roof.", title="Roof", uri="roof.md")
    closed = await quoting.publish("The lighthouse of Karlen has a secret cellar.", title="Cellar", uri="cellar.md")
    await live(quoting, await another(quoting))
    async with state.database.transaction(quoting.tenant) as connection:
        await state.retrieval.withdraw(connection, quoting.tenant, gone)
        await state.retrieval.set_access(connection, quoting.tenant, closed, ["keepers"])
    await state.rollouts.rollback("ada", "the answers got worse")
    for question in ("Which colour has the roof of the lighthouse?", "What is below the lighthouse of Karlen?"):
        answer = (await quoting.ask(question)).json()
        assert {str(gone), str(closed)}.isdisjoint(citation["document_id"] for citation in answer["citations"])
