"""Processes of one room: the table, what each serves and takes, and the commands."""

import asyncio
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.cli.serve import run_worker, serve
from app.core.errors import StartRefused
from app.core.jobs import Worker
from app.main import ANSWERS, ROUTERS, create_app
from app.setup.rooms import ROOMS, serving, working
from app.wiring import State
from app.worker import _work, jobs_of
from tests.clock import until
from tests.conftest import ROOT
from tests.identity.test_scopes import routes_of

SYSTEM = {"/health/live", "/health/ready", "/metrics", "/docs", "/docs/files", "/openapi.json"}
SERVED = {
    "ingestion": "/v1/documents",
    "inference": "/v1/answers",
    "evaluation": "/v1/evaluations",
    "review": "/v1/reviews",
    "monitoring": "/v1/monitoring/error-budgets",
    "actions": "/v1/actions",
}


def paths(state: State, only: str) -> set[str]:
    return {path for _, path, _ in routes_of(create_app(state, only).routes)}


@pytest.mark.parametrize("room", SERVED)
def test_a_room_alone_serves_its_own_routes_and_health_and_metrics(state: State, room: str) -> None:
    own = {path for _, path, _ in routes_of([*ROUTERS[room].routes])}
    assert paths(state, room) == own | SYSTEM
    assert SERVED[room] in own


def test_a_request_is_compared_with_the_routes_of_answers_first_and_in_one_step(state: State) -> None:
    _, *served = [getattr(route, "path", None) for route in create_app(state).routes]  # after /openapi.json
    first = served[: sum(path in ANSWERS for path in served)]
    assert set(first) == {*ANSWERS}
    assert None not in served, "a router within a router is searched twice"


def test_the_rooms_of_the_table_serve_take_and_sweep_what_there_is(state: State) -> None:
    assert {room for room, alone in ROOMS.items() if alone.serves} == {*SERVED, "retrieval"}
    doing = state.jobs_by_room.keys() | state.sweeps_by_room.keys()
    assert {room for room, alone in ROOMS.items() if alone.works} == doing
    specs = [spec for room in ROOMS for spec in jobs_of(state, room)]
    assert sorted(each.name for each in specs) == sorted(each.name for each in state.jobs)
    queues = [{spec.queue for spec in jobs_of(state, room)} for room in ROOMS]
    assert sum(map(len, queues)) == len(set().union(*queues)), "two rooms share a queue"


def test_a_room_that_does_not_search_is_ready_without_the_search(state: State) -> None:
    assert "index" in state.health_of(serving("inference")).checks
    assert "index" in state.health_of(serving(None)).checks
    assert state.health_of(serving("ingestion")).checks.keys() == state.health.checks.keys() - {"index"}


@pytest.mark.parametrize(
    ("ask", "room"), [(serving, "costs"), (serving, "privacy"), (working, "retrieval"), (working, "inference")]
)
def test_a_room_that_does_not_run_so_is_refused_in_a_sentence(ask: Any, room: str) -> None:
    with pytest.raises(StartRefused, match=rf"--only' takes .*, and not '{room}'\.$"):
        ask(room)


def test_the_commands_refuse_it_before_they_open_anything() -> None:
    for command in (partial(serve, only="costs"), partial(run_worker, only="retrieval")):
        with pytest.raises(StartRefused, match="--only"):
            command()


def test_only_processes_that_search_or_process_documents_load_weights() -> None:
    searching = {room for room, alone in ROOMS.items() if alone.searches}
    embedding = {room for room, alone in ROOMS.items() if alone.embeds}
    assert (searching, embedding) == ({"retrieval", "inference"}, {"ingestion", "evaluation", "monitoring"})


async def test_a_worker_of_one_room_leaves_the_jobs_of_the_others(state: State, tenant: UUID, client: Any) -> None:
    page = {"files": (f"{uuid4()}.md", b"# Lamp\n\nThe lamp is lit at dusk by the keeper of the tower.")}
    uploaded = await client.post("/v1/documents", files=page)
    document = uploaded.json()["items"][0]["id"]

    async def status() -> str:
        return str((await client.get(f"/v1/documents/{document}")).json()["status"])

    await Worker(state.database, jobs_of(state, "evaluation"), 1).run(wait=False)
    assert await status() == "received"
    await Worker(state.database, jobs_of(state, "ingestion"), 1).run(wait=False)
    assert await status() == "published"


def test_the_guide_and_the_table_name_the_same_rooms() -> None:
    guide = (ROOT / "docs" / "how-to" / "run-a-room-alone.md").read_text(encoding="utf-8")
    for name, room in ROOMS.items():
        row = f"| `{name}` | {room.serves or '–'} | {room.works or '–'} |"
        assert row in guide, row


async def test_a_worker_of_one_room_makes_the_sweeps_of_that_room_alone(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []

    async def sweep(room: str) -> None:
        begun.append(room)

    sweeps = {room: (partial(sweep, room),) for room in state.sweeps_by_room}
    monkeypatch.setattr(State, "sweeps_by_room", sweeps)
    monkeypatch.setattr(State, "background", lambda _: [])
    working_alone = asyncio.ensure_future(_work(state, "review", 0))
    await until(lambda: begun)
    await asyncio.sleep(0)
    working_alone.cancel()
    await asyncio.gather(working_alone, return_exceptions=True)
    assert begun == ["review"]
