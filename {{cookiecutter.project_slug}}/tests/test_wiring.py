import asyncio
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import yaml
from prometheus_client import REGISTRY
from sqlalchemy import text

from app.actions.service import ACTION_ENDED_CHANNEL
from app.adapters.embeddings.masked import MaskedEmbedder
from app.core.background import background
from app.core.database import notify
from app.core.embedded import Urls
from app.core.errors import DatabaseUnavailable, StartRefused
from app.core.jobs import Worker
from app.costs.domain.budgets import SERVICE, Settlement, SharedReservation
from app.costs.service import Budgets
from app.costs.service.budget_limits import USED
from app.identity.domain import IDENTITY_CHANGED
from app.identity.service.last_use import FLUSH_SECONDS
from app.inference import repository
from app.inference.domain.release_assignment import ReleaseAssignment
from app.inference.service import ANSWER_DECIDED_CHANNEL
from app.inference.service.delivery import Delivery
from app.ingestion.domain.policy import DataPolicy
from app.main import create_app
from app.releases.domain import ENVIRONMENT_CHANGED, INDEX_SWITCHED, PRODUCTION, NoLiveRelease
from app.settings import Settings
from app.wiring import State, build, check
from tests.clock import leap, until
from tests.conftest import TESTED, FreshDatabase, adopt, override

ELSEWHERE = {"model": "gpt-4o-mini", "base_url": "https://api.openai.com/v1", "api_key": "none"}
HERE = {"model": "qwen3-8b", "base_url": "http://127.0.0.1:8080/v1", "provider": "local"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of policies and prompts that a test may change."""
    for name in ("policies", "prompts"):
        shutil.copytree(TESTED / name, tmp_path / name)
    return tmp_path


def change(root: Path, policy: str, old: str, new: str) -> None:
    path = root / "policies" / f"{policy}.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def classify(root: Path, sensitivity: str) -> None:
    path = root / "policies" / "ownership.yaml"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(f"data_sensitivity: {sensitivity}" if "data_sens" in line else line for line in lines))


def settings(root: Path, **more: object) -> Settings:
    return Settings(root=root, data_dir=root, embedder="none", _env_file=None, **more)


def test_confidential_text_leaves_for_no_host_that_nobody_agreed_to(root: Path) -> None:
    classify(root, "confidential")
    with pytest.raises(StartRefused, match=r"api\.openai\.com.*confidential_hosts"):
        check(settings(root, model_chain=[ELSEWHERE]))
    with pytest.raises(StartRefused, match=r"api\.openai\.com"):
        check(settings(root, embedder_next="openai"))


async def test_a_process_that_would_send_confidential_text_away_does_not_start(root: Path) -> None:
    classify(root, "confidential")
    nowhere = Urls("postgresql://nobody@127.0.0.1:1/none", "postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(StartRefused, match="confidential"):
        async with build(settings(root, model_chain=[ELSEWHERE]), nowhere):
            pass


def serve_tools(root: Path, server: str) -> None:
    """Accept a tool of a server, as policies/actions.yaml would name it."""
    tool = {"digest": "0" * 64, "risk": "read", "permission": "tickets:read"}
    named = {"url": "https://tracker.example/mcp", "tools": {"find": tool}}
    path = root / "policies" / "actions.yaml"
    policy = yaml.safe_load(path.read_text())
    policy["servers"] = {server: named}
    path.write_text(yaml.safe_dump(policy))


def test_confidential_text_leaves_for_no_tool_server_that_nobody_agreed_to(root: Path) -> None:
    serve_tools(root, "tracker")
    check(settings(root))
    classify(root, "confidential")
    with pytest.raises(StartRefused, match=r"tracker\.example.*confidential_hosts"):
        check(settings(root))
    change(root, "security", "confidential_hosts: []", "confidential_hosts: [tracker.example]")
    check(settings(root))


@pytest.mark.parametrize(
    ("server", "old", "new", "words"),
    [
        ("tracker", "url:", "headers: {authorization: token}\n    url:", "needs the secret token; set it in APP_MCP"),
        ("add", "find:", "ticket-note:", "would be called add_ticket_note, as an action of this service is"),
        ("tracker", "tickets:read", "tickets:everything", "needs the permission tickets:everything, which no role"),
    ],
    ids=["a secret", "a name", "a permission"],
)
def test_a_process_does_not_start_with_a_tool_server_that_could_not_be_used(
    root: Path, server: str, old: str, new: str, words: str
) -> None:
    serve_tools(root, server)
    check(settings(root, mcp_secrets={}))
    change(root, "actions", old, new)
    with pytest.raises(StartRefused, match=words):
        check(settings(root))


class Follower:
    """Stands for a room that follows what is live, and says when it was told."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[str] = asyncio.Queue()

    async def follow(self, payload: str = "") -> None:
        if payload:
            await self.told.put(payload)


LISTENERS: dict[str, Callable[[State], object]] = {
    INDEX_SWITCHED: lambda state: state.retrieval,
    ENVIRONMENT_CHANGED: lambda state: state.environments,
    IDENTITY_CHANGED: lambda state: state.identity,
    ANSWER_DECIDED_CHANNEL: lambda state: state.archive.waiting,
    ACTION_ENDED_CHANNEL: lambda state: state.actions.proposals.waiting,
}


@pytest.mark.parametrize("channel", LISTENERS)
async def test_a_serving_process_hears_of_what_other_processes_change(state: State, channel: str) -> None:
    follower = Follower()
    override(LISTENERS[channel](state), follow=follower.follow)
    app = create_app(state)
    async with app.router.lifespan_context(app):

        async def told() -> bool:
            """From when it listens."""
            async with state.database.transaction(None) as connection:
                await notify(connection, channel, "7")
            return not follower.told.empty()

        await until(told)
        assert await follower.told.get() == "7"


def test_confidential_text_may_go_to_an_agreed_host_and_to_this_machine(root: Path) -> None:
    classify(root, "confidential")
    change(root, "cost", "prices:", "prices:\n  qwen3*: {local: true}")
    check(settings(root, model_chain=[HERE]))
    change(root, "security", "confidential_hosts: []", "confidential_hosts: [api.openai.com]")
    check(settings(root, model_chain=[ELSEWHERE]))


@pytest.mark.parametrize("sensitivity", ["public", "internal"])
def test_text_that_is_not_confidential_may_go_to_any_provider(root: Path, sensitivity: str) -> None:
    classify(root, sensitivity)
    check(settings(root, model_chain=[ELSEWHERE]))


@pytest.fixture
async def shared(state: State, tenant: UUID) -> dict[UUID, list[SharedReservation]]:
    """The reservations of this process, with one that would serve calls for ever."""
    reservations = state.costs.reservations
    hold = await reservations.hold(tenant, 1000)
    assert hold
    async with state.database.transaction(tenant) as connection:
        await reservations.settle(connection, Settlement((hold,), 0))
    for each in reservations.shared[tenant]:
        each.fresh_until = each.until = math.inf
    return reservations.shared


async def test_a_running_process_releases_unused_reservations_and_updates_budget_metrics(
    state: State, tenant: UUID, shared: dict[UUID, list[SharedReservation]]
) -> None:
    for each in shared[tenant]:
        each.fresh_until = 0.0

    async def released() -> bool:
        return (await state.costs.budgets.current(tenant))[0].held_micro_usd == 0

    assert not await released()
    USED.clear()
    async with background(*state.background()):
        await until(released)
        await until(lambda: REGISTRY.get_sample_value("app_budget_used_ratio", {"span": "month"}) is not None)


@pytest.mark.parametrize("scope", ["tenant", "service"])
async def test_no_reservation_is_shared_any_more_once_a_limit_was_set(
    state: State, tenant: UUID, shared: dict[UUID, list[SharedReservation]], scope: str
) -> None:
    of = tenant if scope == "tenant" else SERVICE
    await state.costs.budgets.set("ann", of, "month", 5_000_000, "a lower limit")
    assert not shared
    await state.costs.budgets.set("ann", of, "month", None, "back to the policy")


@pytest.mark.parametrize("scope", ["tenant", "service"])
async def test_nor_once_another_process_set_one(
    state: State, tenant: UUID, shared: dict[UUID, list[SharedReservation]], scope: str
) -> None:
    another_process = Budgets(state.costs.policy, state.database, state.clock)
    of = tenant if scope == "tenant" else SERVICE

    async def notified() -> bool:
        """Again and again, because this process may not listen yet."""
        await another_process.set("ann", of, "month", 5_000_000, "a lower limit")
        return not shared

    async with background(*state.background()):
        await until(notified)
        await another_process.set("ann", of, "month", None, "back to the policy")


async def test_a_running_process_stores_when_a_key_was_last_used(state: State, client: httpx.AsyncClient) -> None:
    async def stored() -> bool:
        [mine] = (await client.get("/v1/keys")).json()["items"]
        return mine["last_used_at"] is not None

    assert not await stored()
    async with background(*state.background()):
        await leap(FLUSH_SECONDS)
        await until(stored)


@pytest.fixture
def slow_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed answer is stored no sooner than somebody waits for it."""
    closing, close, record = asyncio.Event(), Delivery.close, repository.record_failure

    async def waited_for(self: Delivery) -> None:
        closing.set()
        await close(self)

    async def slow(*arguments: Any) -> None:
        await closing.wait()
        await record(*arguments)

    monkeypatch.setattr(Delivery, "close", waited_for)
    monkeypatch.setattr(repository, "record_failure", slow)


async def test_a_process_that_ends_first_writes_what_is_under_way(
    state: State, root: Path, database_urls: Urls, slow_failures: None
) -> None:
    charged: list[str | None] = []

    async def charge() -> None:
        """Fails once; then it notes which failure is stored by then."""
        if not charged:
            charged.append(None)
            raise DatabaseUnavailable
        async with state.database.read(tenant) as connection:
            charged.append(await connection.scalar(text("select code from answer_failures")))

    async with build(settings(root), database_urls) as ending:
        tenant = await ending.identity.ensure_tenant(uuid4().hex)
        key = await ending.identity.create_key(tenant, "ada", ["user"])
        caller = await ending.identity.authenticate(key.text)
        hold = await ending.costs.reservations.hold(tenant, 1000)
        assert hold
        async with ending.database.transaction(tenant) as connection:
            await ending.costs.reservations.settle(connection, Settlement((hold,), 0))
        override(ending.costs.late, retry_delays=(1000.0,))
        await ending.costs.late.charge(charge, {})
        ending.identity.last_use.record(caller.key_id)
        failed = ReleaseAssignment("0" * 64, PRODUCTION, "live", "one")
        ending.answers.delivery.record_failure(caller, failed, "internal_error")
    assert charged == [None, "internal_error"]
    assert [each.held_micro_usd for each in await state.costs.budgets.current(tenant)][2:] == [0, 0]
    assert (await state.identity.list_keys(tenant))[0].last_used_at is not None


async def test_a_release_brings_the_privacy_policy_by_which_questions_and_documents_are_judged(
    root: Path, settings: Settings, database_urls: Urls
) -> None:
    change(root, "privacy", "questions: keep", "questions: refuse")
    change(root, "privacy", "documents: flag", "documents: quarantine")
    change(root, "privacy", "evaluation_sets: mask", "evaluation_sets: keep")
    async with build(settings.model_copy(update={"root": root}), database_urls) as state:
        await adopt(state)
        tenant = await state.identity.ensure_tenant(f"tenant-{uuid4().hex}")
        headers = {"Authorization": f"Bearer {(await state.identity.create_key(tenant, 'test', ['admin'])).text}"}
        transport = httpx.ASGITransport(app=create_app(state))
        async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as client:
            plain = await client.post("/v1/answers", json={"question": "Who is the keeper?"})
            named = await client.post("/v1/answers", json={"question": "Who is jane@acme.example?"})
            page = b"# Keeper\n\nThe keeper of the tower is reached at jane@acme.example from dusk to dawn.\n"
            await client.post("/v1/documents", files={"files": ("keeper.md", page)}, data={"metadata": "{}"})
            await Worker(state.database, state.jobs, concurrency=1).run(wait=False)
            [document] = (await client.get("/v1/documents")).json()["items"]
        assert state.reviews.golden_suite.personal_data.evaluation_sets == "keep"
        assert state.monitoring.cases.personal_data.evaluation_sets == "keep"
    assert (plain.status_code, named.status_code) == (200, 422)
    assert named.json()["code"] == "question_refused"
    assert (document["status"], document["quarantine"]["reason"]) == ("quarantined", "personal_data")


@pytest.mark.parametrize(("prompts", "masked"), [("keep", False), ("pseudonymise", True)])
async def test_the_privacy_policy_says_whether_an_embedder_elsewhere_gets_personal_data(
    root: Path, settings: Settings, database_urls: Urls, prompts: str, masked: bool
) -> None:
    change(root, "privacy", "internal: pseudonymise", f"internal: {prompts}")
    elsewhere = settings.model_copy(update={"root": root, "embedder": "openai", "embedder_next": None})
    async with build(elsewhere, database_urls) as state:
        assert [isinstance(each, MaskedEmbedder) for each in state.retrieval.embedders.values()] == [masked]


async def test_what_a_release_is_evaluated_by_is_a_part_of_it(root: Path, database_urls: Urls) -> None:
    """Other cases, another prompt or another number of a policy make another release."""
    shutil.copytree(TESTED / "evals", root / "evals")

    async def release() -> str:
        async with build(settings(root), database_urls) as built:
            return (await built.releases.draft()).id

    ids = [await release()]
    for name in ("evals/golden.jsonl", "prompts/answer.md", "policies/slo.yaml"):
        path = root / name
        path.write_text(path.read_text() + ("\n" if name.startswith("evals") else "\n# Another line.\n"))
        ids.append(await release())
    assert len(set(ids)) == 4


async def test_outside_development_no_release_approves_itself(root: Path, fresh_database: FreshDatabase) -> None:
    staged = settings(root).model_copy(update={"environment": "staging"})
    with fresh_database() as urls:
        async with build(staged, urls) as built:
            with pytest.raises(NoLiveRelease):
                await built.environments.resolve()
            assert isinstance(built.environments.closed(), NoLiveRelease)


async def test_documents_and_actions_are_under_the_live_release_and_not_under_the_files_of_a_process(
    state: State, root: Path, database_urls: Urls
) -> None:
    await adopt(state)
    change(root, "data", "unknown_sources: allow", "unknown_sources: quarantine")
    change(root, "actions", "max_per_answer: ", "max_per_answer: 1")
    async with build(settings(root), database_urls) as other:
        await other.environments.refresh()
        assert other.policies.get(DataPolicy).unknown_sources == "quarantine"
        assert other.ingestion.deps.data == state.ingestion.deps.data
        assert other.actions.catalogue.live_policy() == state.actions.catalogue.live_policy()
