"""Tools of other servers that only a release in staging accepts."""

from dataclasses import replace
from typing import Any

from app.actions.domain import ActionPolicy
from app.core.jobs import Worker
from app.review.domain.items import SubmittedDecision
from app.review.repository import ReviewFilters
from tests.actions.tool_server import tracker_served
from tests.inference.conftest import Service
from tests.mcp.conftest import key_of, message, post

FIND, CLOSE = "tracker_find_issue", "tracker_close_issue"
STAGING = {"x-environment": "staging"}


async def stage(service: Service, policy: ActionPolicy) -> None:
    """A release of its own in staging, with this policy."""
    key = await key_of(service, "service")
    async with service.client(key) as client:
        base = (await client.get("/v1/releases/current")).json()["id"]
        made = (await client.post("/v1/releases", json={"base": base, "changes": {"refusal.words": 0.2}})).json()
        body = {"release": made["id"], "reason": "a test needs it"}
        (await client.post("/v1/environments/staging/activate", json=body)).raise_for_status()
    await service.state.environments.refresh()
    held = service.state.answers.loaded_releases.by_id
    staged = held[made["id"]]
    policies = replace(staged.policies, loaded={**staged.policies.loaded, "actions": policy})
    held[made["id"]] = replace(staged, actions=policy, policies=policies)
    await service.state.external_actions.refresh()


async def names(service: Service, key: str, **headers: str) -> set[str]:
    reply = await post(service, message("tools/list"), key, **headers)
    return {each["name"] for each in reply.json()["result"]["tools"]}


async def call(service: Service, key: str, name: str) -> dict[str, Any]:
    reply = await post(service, message("tools/call", name=name, arguments={"id": 7}), key, **STAGING)
    result: dict[str, Any] = reply.json()["result"]
    return result


async def approve_all(service: Service, edited: str | None = None) -> None:
    """edited: the arguments that a reviewer puts in place of the proposed ones."""
    reviewer = await service.state.identity.authenticate(await key_of(service, "reviewer"))
    worker, reviews = Worker(service.state.database, service.state.jobs, concurrency=2), service.state.reviews
    await worker.run(wait=False)
    for item in await reviews.queue.list(reviewer, ReviewFilters(kind="action"), None, 200):
        claimed = await reviews.queue.claim(reviewer, item.id)
        verb = "edit" if edited else "approve"
        decision = SubmittedDecision(verb, "as asked", claimed.fence, claimed.version, claimed.digest, edited)
        await reviews.decisions.decide(reviewer, item.id, decision)
    await worker.run(wait=False)


async def test_tools_of_a_staged_release_are_offered_in_staging_alone_and_run_as_it_accepts_them(
    service: Service,
) -> None:
    key = await key_of(service, "user", "operator")
    async with tracker_served() as tracker:
        offered = {name: {"per_hour": 100} for name in (FIND, CLOSE)}
        policy = ActionPolicy(owner="tests", offered=offered, servers={"tracker": tracker.server()})  # type: ignore[arg-type]
        await stage(service, policy)
        assert {FIND, CLOSE} <= await names(service, key, **STAGING)
        assert not {FIND, CLOSE} & await names(service, key)
        assert tracker.reply in str(await call(service, key, FIND))
        waiting = await call(service, key, CLOSE)
        assert waiting["structuredContent"]["state"] == "waiting"
        await approve_all(service)
        await call(service, key, CLOSE)
        await approve_all(service, edited='{"id": 9}')
        assert tracker.calls == [("find-issue", {"id": 7}), ("close-issue", {"id": 7}), ("close-issue", {"id": 9})]
