"""A service in which everything is done that readiness asks for, by its own operations, and ways to undo each part."""

import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
from pydantic import SecretStr

from app.core.embedded import Urls
from app.core.jobs import Worker
from app.core.operations import OPERATIONS, OperationRun
from app.core.policies import PolicyModel
from app.governance.domain.readiness.catalogue import CHECKS
from app.identity.domain import KeyTerms
from app.ingestion.domain.documents import Upload, UploadOptions
from app.main import create_app
from app.releases.domain import EvaluationEvidence
from app.settings import Settings
from app.wiring import State, build
from tests.conftest import TESTED, override
from tests.governance.conftest import person

TOWER = (
    b"# Lighthouse\n\nThe lighthouse of Karlen stands on a cliff above the village. It was built in 1874 by the "
    b"engineer Marta Holm. Its lamp can be seen from 32 kilometres away. The keeper's house became a museum in 1990.\n"
)
CASE = (
    '{{"id": "own-{0}", "question": "When was lighthouse {0} built?", "facts": [["1874"]], '
    '"sources": [{{"uri": "towers/{0}.md"}}], "slices": ["own"]}}\n'
)
OWNERSHIP = {"Platform Team": "Lighthouse Desk", "oncall@example.com": "oncall@lighthouse-desk.org"}
GREEN_AT_FIRST_START = {
    "quality.damaged_document",
    "quality.injected_document",
    "quality.quarantine_decided",
    "quality.index",
    "versions.live_release",
    "versions.files_released",
    "versions.models_pinned",
    "evaluation.golden_suite",
    "evaluation.red_team_suite",
    "cost.budget",
    "cost.ledger",
    "cost.prices",
    "monitoring.alert_rules",
    "monitoring.dashboards",
    "access.row_security",
    "access.service_role",
    "governance.audit_chain",
    "governance.emergencies",
    "review.irreversible_waits",
    "review.queue",
}
"""What the code does by itself. Everything else is for the owner, or needs documents, callers and time."""

ATTESTED = [check.id for check in CHECKS if check.attested]


def service_folder(folder: Path) -> Path:
    """The files of a service whose owner has named the people and written cases of their own."""
    for name in ("policies", "prompts", "migrations", "evals", "docs", "monitoring"):
        shutil.copytree(TESTED / name, folder / name)
    path = folder / "policies" / "ownership.yaml"
    text = path.read_text(encoding="utf-8")
    for example, real in OWNERSHIP.items():
        text = text.replace(example, real)
    path.write_text(text, encoding="utf-8")
    with (folder / "evals" / "golden.jsonl").open("a", encoding="utf-8") as suite:
        suite.writelines(CASE.format(number) for number in range(20))
    return folder


def complete_settings(settings: Settings, root: Path) -> Settings:
    """With the secrets set, and traces sent somewhere."""
    secrets = {name: SecretStr(name.ljust(40, "x")) for name in ("key_pepper", "master_key")}
    return settings.model_copy(update={"root": root, "traces": "otlp", **secrets})


@dataclass
class ReadyService:
    state: State
    urls: Urls
    root: Path
    tenant: UUID
    key: str

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(app=create_app(self.state), raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {self.key}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as client:
            yield client

    async def statuses(self) -> Mapping[str, str]:
        return (await self.state.readiness.report()).statuses

    def sql(self, *statements: str) -> None:
        """As the owner of the tables, who can switch row-level security and triggers off."""
        with psycopg.connect(self.urls.owner) as owner:
            owner.execute("set session_replication_role = replica")
            for statement in statements:
                owner.execute(statement.encode())

    @contextmanager
    def policy(self, name: str, **changes: Any) -> Any:
        """Other values in a policy of this process."""
        loaded: dict[str, PolicyModel] = self.state.policies.loaded  # type: ignore[assignment]
        before = loaded[name]
        loaded[name] = before.model_copy(update=changes)
        try:
            yield
        finally:
            loaded[name] = before


@asynccontextmanager
async def open_ready_service(settings: Settings, urls: Urls, folder: Path) -> AsyncIterator[ReadyService]:
    root = service_folder(folder)
    async with build(complete_settings(settings, root), urls) as state:
        tenant = await state.identity.ensure_tenant("lighthouse")
        ends = KeyTerms(expires_at=state.clock.now() + timedelta(days=90))
        key = await state.identity.create_key(tenant, "ada", ["admin", "service"], terms=ends)
        service = ReadyService(state, urls, root, tenant, key.text)
        await do_everything(service)
        yield service


async def do_everything(service: ReadyService) -> None:
    for step in (_release, _ingest, _answer, _operate, _attest):
        await step(service)


async def _release(service: ReadyService) -> None:
    """An earlier release, and one of these files that was evaluated, approved, staged and activated."""
    state, bob = service.state, person("bob")
    first = await state.releases.create("ana", changes={"retrieval.dense_weight": 0.4})
    await _go_live(state, first.id)
    second = await state.releases.create("ana")
    await _go_live(state, second.id)
    await state.rollouts.rehearse(bob.name, "the rollback is rehearsed", first.id)


async def _go_live(state: State, release: str) -> None:
    async with state.database.transaction(None) as connection:
        evidence = EvaluationEvidence(release, "PASS")
        await state.releases.mark_evaluated(connection, release, "tests", evidence)
    await state.approvals.approve(person("bob"), release, "read the report")
    await state.rollouts.activate("ana", release, "look at it first", "staging")
    await state.rollouts.activate("ana", release, "ship it")


async def _ingest(service: ReadyService) -> None:
    state = service.state
    caller = await state.identity.authenticate(service.key)
    await state.ingestion.upload(caller, UploadOptions(source="handbook"), [Upload("tower.md", TOWER)])
    await Worker(state.database, state.jobs, concurrency=2).run(wait=False)


async def _answer(service: ReadyService) -> None:
    async with service.client() as client:
        reply = await client.post("/v1/answers", json={"question": "When was the lighthouse of Karlen built?"})
        assert reply.status_code == 200, reply.text
        path = f"/v1/answers/{reply.json()['id']}/feedback"
        assert (await client.post(path, json={"helpful": True})).status_code in (200, 201, 204)


async def _operate(service: ReadyService) -> None:
    state = service.state
    await state.privacy.upkeep.sweep()
    await state.monitoring.data_health.check(service.tenant)
    for kind in OPERATIONS:
        if kind != "retention":
            run = OperationRun(kind, state.clock.now(), "ada", True, "0" * 64)
            await state.readiness.record(run)


async def _attest(service: ReadyService) -> None:
    for check in ATTESTED:
        await service.state.readiness.attest(person("ada"), check, "we went through it together")


Break = Callable[[ReadyService], Any]


def by_sql(broken: str, repaired: str) -> Break:
    """Evidence that is changed in the database."""

    @contextmanager
    def break_it(service: ReadyService) -> Any:
        service.sql(broken)
        try:
            yield
        finally:
            service.sql(repaired)

    return break_it


def by_policy(name: str, **changes: Any) -> Break:
    return lambda service: service.policy(name, **changes)


def by_file(name: str, change: Callable[[str], str]) -> Break:
    @contextmanager
    def break_it(service: ReadyService) -> Any:
        path = service.root / name
        before = path.read_bytes()
        path.write_text(change(before.decode()), encoding="utf-8")
        try:
            yield
        finally:
            path.write_bytes(before)

    return break_it


def by_process(**changes: Any) -> Break:
    """Other facts of the settings."""

    @contextmanager
    def break_it(service: ReadyService) -> Any:
        sources = service.state.readiness.sources
        before = sources.process
        override(sources, process=replace(before, **changes))
        try:
            yield
        finally:
            override(sources, process=before)

    return break_it


def by_age(table: str, column: str, days: int, where: str = "true") -> Break:
    """Evidence that is older by so many days."""
    moved = "update {0} set {1} = {1} {2} interval '{3} days' where {4}"
    return by_sql(moved.format(table, column, "-", days, where), moved.format(table, column, "+", days, where))
