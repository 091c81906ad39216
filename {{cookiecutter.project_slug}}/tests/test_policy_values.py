"""Values of policies that are read after the start: each, changed in its file, changes what the built service does."""

import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
import yaml

from app.core.clock import ManualClock
from app.core.database import background, moment
from app.core.embedded import Urls
from app.evaluation.domain.canary import CanaryStatus
from app.evaluation.service import CanaryMonitor
from app.governance.domain.readiness.catalogue import CHECKS
from app.identity.domain import Principal, RateLimited
from app.main import create_app
from app.review.repository import ReviewFilters
from app.settings import Settings
from app.wiring import State, build
from benchmarks.harness import work_off
from tests.clock import leap, until
from tests.conftest import ROOT, adopt

CHANGED: Mapping[str, Mapping[str, Any]] = {
    "review": {"lease_seconds": 77, "rules": [{"name": "all", "send": "after", "due_minutes": 60}]},
    "slo": {
        "error_budget": {"exception_days": 3},
        "overload": {"tenant_share": 0.4, "max_waiting": 9, "queue_seconds": 0.25},
    },
    "ownership": {"approval": {"review_hours": 5}},
    "readiness": {"waivers": {"max_days": 11}, "attestation_days": 13},
    "quality": {"online": {"look_back_hours": 1, "settle_minutes": 0}, "canary": {"check_every_seconds": 7}},
    "security": {
        "limits": {
            "requests_per_minute_per_key": 5,
            "requests_per_minute_per_tenant": 8,
            "concurrent_answers": 3,
            "history_turns": 2,
            "conversations_per_caller": 2,
            "upload_files": 2,
        }
    },
}
NOTE = b"# Lighthouse\n\nThe lighthouse of Karlen was built in 1874 by the engineer Marta Holm.\n"


def merged(below: Any, above: Any) -> Any:
    if not isinstance(below, dict) or not isinstance(above, Mapping):
        return above
    return {**below, **{name: merged(below.get(name), value) for name, value in above.items()}}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("changed")
    for name in ("policies", "prompts", "migrations"):
        shutil.copytree(ROOT / name, folder / name)
    for name, values in CHANGED.items():
        path = folder / "policies" / f"{name}.yaml"
        path.write_text(yaml.safe_dump(merged(yaml.safe_load(path.read_text()), values)))
    return folder


@pytest_asyncio.fixture(scope="module")
async def state(database_urls: Urls, settings: Settings, root: Path) -> AsyncIterator[State]:
    async with build(settings.model_copy(update={"root": root, "database_pool": 6}), database_urls) as built:
        await adopt(built)
        yield built


def person(role: str = "service") -> Principal:
    return Principal(UUID(int=0), UUID(int=0), "grace", frozenset({role}))


def days(number: int) -> timedelta:
    return timedelta(days=number)


async def test_a_claim_lasts_for_lease_seconds(state: State, client: httpx.AsyncClient, tenant: UUID) -> None:
    assert (await client.post("/v1/answers", json={"question": "Who built it?"})).status_code == 200
    await work_off(state)
    reviewer = replace(person("reviewer"), tenant_id=tenant)
    [item] = await state.reviews.queue.list(reviewer, ReviewFilters(), None, 10)
    claimed = await state.reviews.queue.claim(reviewer, item.id)
    assert claimed.lease_until
    async with state.database.read(None) as connection:
        left = claimed.lease_until - await moment(connection)
    assert timedelta(seconds=60) < left <= timedelta(seconds=77)


async def test_an_exception_from_a_spent_error_budget_ends_after_exception_days(state: State) -> None:
    release = await state.releases.create("ada")
    exception = await state.monitoring.error_budgets.allow(person(), release.id, "fix", "repairs the provider")
    assert exception.expires_at - exception.at == days(3)


async def test_an_emergency_is_reviewed_within_review_hours(state: State) -> None:
    [emergency] = await state.approvals.emergencies()
    assert emergency.due - emergency.approval.at == timedelta(hours=5)


async def test_a_waiver_lasts_for_max_days_and_an_attestation_for_attestation_days(state: State) -> None:
    readiness = state.readiness
    waiver = await readiness.waive(person(), "rollback.backup", "the storage is being moved", "bob")
    assert waiver.expires_at - waiver.at == pytest.approx(days(11), abs=days(0) + timedelta(minutes=1))
    check = next(each.id for each in CHECKS if each.attested)
    attested = await readiness.attest(person(), check, "it was looked at")
    assert attested.expires_at - attested.at == pytest.approx(days(13), abs=timedelta(minutes=1))


@dataclass(frozen=True)
class Counting(CanaryMonitor):
    looks: list[None] = None  # type: ignore[assignment]

    async def enforce(self) -> CanaryStatus | None:
        self.looks.append(None)
        return None


async def test_a_canary_is_judged_every_check_every_seconds(state: State) -> None:
    known = {each.name: getattr(state.canaries, each.name) for each in fields(CanaryMonitor) if each.init}
    monitor = Counting(**known, looks=[])
    async with background(monitor.watch):
        await until(lambda: len(monitor.looks) == 1)
        await leap(6)
        await leap(0)
        assert len(monitor.looks) == 1
        await leap(2)
        await leap(0)
        assert len(monitor.looks) == 2


async def test_online_scores_look_back_for_look_back_hours(
    state: State, client: httpx.AsyncClient, tenant: UUID
) -> None:
    (await client.post("/v1/documents", files={"files": ("note.md", NOTE)})).raise_for_status()
    await work_off(state)
    answers = 2
    for _ in range(answers):
        assert (await client.post("/v1/answers", json={"question": "Who built it?"})).status_code == 200

    async def decided(hours: float) -> int:
        clock = ManualClock()
        clock.advance((state.clock.now() - clock.now() + timedelta(hours=hours)).total_seconds())
        return await replace(state.monitoring.online, clock=clock)._score_tenant(tenant)

    assert await decided(1.1) == 0
    assert await decided(0.5) == answers


@pytest.mark.parametrize(("keys", "allowed"), [(1, 5), (4, 8)], ids=["a key", "a tenant"])
async def test_a_key_and_a_tenant_have_their_requests_per_minute(state: State, keys: int, allowed: int) -> None:
    tenant = await state.identity.ensure_tenant(f"busy-{uuid4().hex}")
    made = [await state.identity.create_key(tenant, f"key {n}", ["user"]) for n in range(keys)]
    callers = [await state.identity.authenticate(each.text) for each in made]
    for number in range(allowed):
        await state.identity.check_rate_limit(callers[number % keys])
    with pytest.raises(RateLimited):
        await state.identity.check_rate_limit(callers[allowed % keys])


async def test_concurrent_answers_is_the_number_at_which_the_service_sheds(state: State) -> None:
    app = create_app(state)
    slots = app.state.admission.limits.by_path["/v1/answers"]
    assert slots.limit() == 3
    assert state.answers.max_concurrent == 3
    assert (slots.rules.tenant_share, slots.rules.longest, slots.rules.seconds) == (0.4, 9, 0.25)
    async with AsyncExitStack() as held:
        for number in range(3):
            await held.enter_async_context(slots.acquire(f"tenant {number}"))
        assert slots.in_use == slots.limit()
    assert slots.free


async def test_a_caller_has_conversations_per_caller_and_a_request_upload_files(
    state: State, client: httpx.AsyncClient
) -> None:
    async with httpx.AsyncClient(transport=client._transport, base_url="http://service", headers=client.headers) as own:
        many = [("files", (f"{n}.md", NOTE)) for n in range(3)]
        assert (await own.post("/v1/documents", files=many)).json()["code"] == "too_many_files"
        replies = [
            await own.post("/v1/answers", json={"question": "Who built it?", "conversation": f"talk-{n}-{uuid4().hex}"})
            for n in range(3)
        ]
        assert [reply.status_code for reply in replies[:2]] == [200, 200]
        assert replies[2].json()["code"] == "too_many_conversations"


async def test_a_process_opens_database_pool_connections(state: State) -> None:
    async with AsyncExitStack() as held:
        for _ in range(6):
            await held.enter_async_context(state.database.pipeline(UUID(int=1)))
        assert state.database.pool.get_stats()["pool_available"] == 0
        assert state.database.pool.get_stats()["pool_max"] == state.database.size == 6
