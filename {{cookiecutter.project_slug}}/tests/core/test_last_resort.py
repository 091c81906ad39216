"""Whatever is raised, and whatever is broken besides: a problem with a request id, a log line, a metric."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest
import pytest_asyncio
import structlog
from fastapi import FastAPI
from prometheus_client import REGISTRY
from starlette.exceptions import HTTPException
from structlog.testing import capture_logs

from app.core.database import Database
from app.core.errors import Invalid, Problem
from app.core.http import Observed, install_problem_handlers
from app.core.jobs import JobSpec, Worker, enqueue
from app.core.logging import configure_logging, log_failure
from app.core.problems import encoded
from app.inference.routes.events import as_event, as_openai_event, error_as_final_event
from tests.core.test_logging import configured  # noqa: F401, a fixture


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


class Base(BaseException):
    pass


class Untellable(Problem):
    def as_dict(self) -> dict[str, Any]:
        raise Unspeakable


def endless() -> None:
    endless()


LOOP: dict[str, Any] = {}
LOOP["itself"] = LOOP

HOSTILE: dict[str, BaseException] = {
    "unspeakable": Unspeakable(),
    "half a character": RuntimeError("a\ud800b"),
    "half a character in a problem": Invalid("a\ud800b", given="\udfff"),
    "what is not JSON": Invalid("x", given=object(), key={1: 2}),
    "what cannot be told": Invalid("x", given=Unspeakable()),
    "a loop": Invalid("x", given=LOOP),
    "a number too large": Invalid("x", given=2**70),
    "not a number": Invalid("x", retry_after=float("nan")),
    "for ever": Invalid("x", retry_after=float("inf")),
    "a problem that cannot be told": Untellable("x"),
    "no memory": MemoryError(),
    "too deep": RecursionError(),
    "a group": ExceptionGroup("several", [Unspeakable(), ValueError("\ud800")]),
    "a group of any": BaseExceptionGroup("several", [Base(), KeyboardInterrupt()]),
    "base": Base("x"),
    "exit": SystemExit(3),
    "interrupt": KeyboardInterrupt(),
    "cancelled by nobody": asyncio.CancelledError(),
    "a header that is none": HTTPException(400, "x", {"x-a": "\ud800", "x-b": "\u4f60"}),
    "stop": StopAsyncIteration(),
}


@pytest_asyncio.fixture
async def door() -> AsyncIterator[httpx.AsyncClient]:
    """An application of one route, which raises what its path names."""
    app = FastAPI()
    install_problem_handlers(app)

    @app.get("/raise/{name}")
    async def fail(name: str) -> None:
        raise HOSTILE[name]

    @app.get("/deep")
    async def deep() -> None:
        endless()

    @app.exception_handler(ZeroDivisionError)
    async def on_zero(*_: Any) -> None:
        raise Unspeakable

    @app.get("/handler")
    async def handled() -> None:
        raise ZeroDivisionError

    app.add_middleware(Observed)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


def ended(code: str) -> float:
    return REGISTRY.get_sample_value("app_problems_total", {"code": code}) or 0.0


@pytest.mark.parametrize("path", [*(f"/raise/{name}" for name in HOSTILE), "/deep", "/handler"])
async def test_every_error_ends_as_a_problem(door: httpx.AsyncClient, path: str) -> None:
    before = {code: ended(code) for code in ("internal_error", "invalid", "bad_request")}
    with capture_logs() as told:
        reply = await door.get(path)
    problem = orjson.loads(reply.content)
    assert reply.headers["content-type"] == "application/problem+json"
    assert problem["status"] == reply.status_code
    assert problem["request_id"] == reply.headers["x-request-id"]
    assert ended(problem["code"]) == before[problem["code"]] + 1
    if reply.status_code == 500 and "cannot be told" not in path.replace("%20", " "):
        assert [line["event"] for line in told if line["log_level"] == "error"] == ["request_failed"]


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.usefixtures("configured")
async def test_the_log_line_leaves_although_it_holds_what_cannot_be_written(
    door: httpx.AsyncClient, style: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("INFO", style)
    for name in ("unspeakable", "half a character", "a group", "base"):
        assert (await door.get(f"/raise/{name}")).status_code == 500
        assert "request_failed" in capsys.readouterr().err


@pytest.mark.usefixtures("configured")
async def test_a_log_that_is_broken_takes_no_reply_with_it(
    door: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any) -> Any:
        raise Unspeakable

    structlog.configure(processors=[broken])
    reply = await door.get("/raise/base")
    assert (reply.status_code, reply.json()["code"]) == (500, "internal_error")
    said = orjson.loads(capsys.readouterr().err.strip())
    assert (said["event"], said["error"], said["logging_failed"]) == ("request_failed", "Base", "Unspeakable")
    assert (await door.get("/nowhere")).status_code == 404


@pytest.mark.usefixtures("configured")
def test_nothing_is_said_where_nobody_can_hear_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed:
        def write(self, _: str) -> None:
            raise BrokenPipeError

        flush = write

    structlog.configure(processors=[], logger_factory=structlog.WriteLoggerFactory(Closed()))  # type: ignore[arg-type]
    monkeypatch.setattr(sys, "stderr", Closed())
    log_failure(structlog.get_logger(), "anything", Unspeakable())


@pytest.mark.parametrize("name", [name for name, error in HOSTILE.items() if isinstance(error, Problem)])
def test_a_problem_is_always_json_with_its_code(name: str) -> None:
    told = orjson.loads(encoded(HOSTILE[name]))  # type: ignore[arg-type]
    assert told["code"] in ("invalid", "internal_error")
    assert told["title"]


@pytest.mark.parametrize("render", [as_event, as_openai_event])
@pytest.mark.parametrize("hostile", [name for name in HOSTILE if name != "stop"])
async def test_a_stream_that_has_begun_ends_with_an_event(render: Callable[[Problem], bytes], hostile: str) -> None:
    async def events() -> Any:
        yield b"data: 1\n\n"
        raise HOSTILE[hostile]

    *_, last = [part async for part in error_as_final_event(events(), render)]
    event = orjson.loads(last.partition(b"data: ")[2])
    assert event["code"] in ("invalid", "internal_error")
    if render is as_openai_event:
        assert event["error"]["code"] == event["code"]
        assert event["error"]["message"]


async def test_a_stream_whose_reader_leaves_says_nothing() -> None:
    async def events() -> Any:
        yield b"data: 1\n\n"
        await asyncio.sleep(60)

    async def read() -> None:
        async for _ in error_as_final_event(events(), as_event):
            pass

    reading = asyncio.create_task(read())
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


@pytest.mark.parametrize("name", ["unspeakable", "half a character in a problem", "exit", "a group of any", "base"])
async def test_a_job_that_fails_in_no_words_does_not_take_the_worker_with_it(
    database: Database, tenant: UUID, name: str
) -> None:
    reasons: list[str] = []
    done: list[str] = []

    async def fail(_: Any) -> None:
        raise HOSTILE[name]

    async def dead(reason: str) -> None:
        reasons.append(reason)

    async def work(_: Any) -> None:
        done.append("done")

    queue = f"last-resort-{list(HOSTILE).index(name)}"
    specs = [
        JobSpec(f"{queue}.fail", fail, dead, attempts=1, queue=queue),
        JobSpec(f"{queue}.work", work, attempts=1, queue=queue),
    ]
    async with database.transaction(tenant) as connection:
        for spec in specs:
            await enqueue(connection, spec.name, queue=queue)
    await Worker(database, specs, 1).run(wait=False)
    assert done == ["done"]
    (reason,) = reasons
    assert reason.startswith(type(HOSTILE[name]).__name__)
    assert reason.encode()
