"""Any exception ends as a problem with a request id, a log line and a metric, even if reporting it fails."""

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
from app.inference.routes.events import error_as_final_event, openai_error_event, problem_event
from tests.core.test_logging import configured  # noqa: F401, a fixture


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("cannot be printed")

    __repr__ = __str__


class Base(BaseException):
    pass


class Unserializable(Problem):
    def as_dict(self) -> dict[str, Any]:
        raise Unprintable


def recurse() -> None:
    recurse()


LOOP: dict[str, Any] = {}
LOOP["itself"] = LOOP

HOSTILE: dict[str, BaseException] = {
    "unprintable": Unprintable(),
    "a lone surrogate": RuntimeError("a\ud800b"),
    "a lone surrogate in a problem": Invalid("a\ud800b", given="\udfff"),
    "values that are not JSON": Invalid("x", given=object(), key={1: 2}),
    "a value that cannot be printed": Invalid("x", given=Unprintable()),
    "a loop": Invalid("x", given=LOOP),
    "a number too large": Invalid("x", given=2**70),
    "not a number": Invalid("x", retry_after=float("nan")),
    "infinity": Invalid("x", retry_after=float("inf")),
    "a problem that cannot be serialized": Unserializable("x"),
    "out of memory": MemoryError(),
    "recursion": RecursionError(),
    "a group": ExceptionGroup("several", [Unprintable(), ValueError("\ud800")]),
    "a group of any": BaseExceptionGroup("several", [Base(), KeyboardInterrupt()]),
    "a base exception": Base("x"),
    "exit": SystemExit(3),
    "interrupt": KeyboardInterrupt(),
    "a stray cancellation": asyncio.CancelledError(),
    "an invalid header": HTTPException(400, "x", {"x-a": "\ud800", "x-b": "\u4f60"}),
    "stop": StopAsyncIteration(),
}


@pytest_asyncio.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """An application whose routes raise the exception that their path names."""
    app = FastAPI()
    install_problem_handlers(app)

    @app.get("/raise/{name}")
    async def fail(name: str) -> None:
        raise HOSTILE[name]

    @app.get("/deep")
    async def deep() -> None:
        recurse()

    @app.exception_handler(ZeroDivisionError)
    async def on_zero(*_: Any) -> None:
        raise Unprintable

    @app.get("/handler")
    async def handled() -> None:
        raise ZeroDivisionError

    app.add_middleware(Observed)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


def problems_counted(code: str) -> float:
    return REGISTRY.get_sample_value("app_problems_total", {"code": code}) or 0.0


@pytest.mark.parametrize("path", [*(f"/raise/{name}" for name in HOSTILE), "/deep", "/handler"])
async def test_every_error_ends_as_a_problem(client: httpx.AsyncClient, path: str) -> None:
    before = {code: problems_counted(code) for code in ("internal_error", "invalid", "bad_request")}
    with capture_logs() as logged:
        reply = await client.get(path)
    problem = orjson.loads(reply.content)
    assert reply.headers["content-type"] == "application/problem+json"
    assert problem["status"] == reply.status_code
    assert problem["request_id"] == reply.headers["x-request-id"]
    assert problems_counted(problem["code"]) == before[problem["code"]] + 1
    if reply.status_code == 500 and "cannot be serialized" not in path.replace("%20", " "):
        assert [line["event"] for line in logged if line["log_level"] == "error"] == ["core.request_failed"]


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.usefixtures("configured")
async def test_an_error_that_cannot_be_encoded_is_still_logged(
    client: httpx.AsyncClient, style: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("INFO", style)
    for name in ("unprintable", "a lone surrogate", "a group", "a base exception"):
        assert (await client.get(f"/raise/{name}")).status_code == 500
        assert "core.request_failed" in capsys.readouterr().err


@pytest.mark.usefixtures("configured")
async def test_broken_logging_does_not_fail_the_reply(
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any) -> Any:
        raise Unprintable

    structlog.configure(processors=[broken])
    reply = await client.get("/raise/a base exception")
    assert (reply.status_code, reply.json()["code"]) == (500, "internal_error")
    line = orjson.loads(capsys.readouterr().err.strip())
    assert (line["event"], line["error"], line["logging_failed"]) == ("core.request_failed", "Base", "Unprintable")
    assert (await client.get("/nowhere")).status_code == 404


@pytest.mark.usefixtures("configured")
def test_a_failure_to_log_on_a_closed_stderr_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed:
        def write(self, _: str) -> None:
            raise BrokenPipeError

        flush = write

    structlog.configure(processors=[], logger_factory=structlog.WriteLoggerFactory(Closed()))  # type: ignore[arg-type]
    monkeypatch.setattr(sys, "stderr", Closed())
    log_failure(structlog.get_logger(), "anything", Unprintable())


@pytest.mark.parametrize("name", [name for name, error in HOSTILE.items() if isinstance(error, Problem)])
def test_a_problem_is_always_json_with_its_code(name: str) -> None:
    body = orjson.loads(encoded(HOSTILE[name]))  # type: ignore[arg-type]
    assert body["code"] in ("invalid", "internal_error")
    assert body["title"]


@pytest.mark.parametrize("render", [problem_event, openai_error_event])
@pytest.mark.parametrize("hostile", [name for name in HOSTILE if name != "stop"])
async def test_an_error_in_a_stream_ends_it_with_an_event(render: Callable[[Problem], bytes], hostile: str) -> None:
    async def events() -> Any:
        yield b"data: 1\n\n"
        raise HOSTILE[hostile]

    *_, last = [part async for part in error_as_final_event(events(), render)]
    event = orjson.loads(last.partition(b"data: ")[2])
    assert event["code"] in ("invalid", "internal_error")
    if render is openai_error_event:
        assert event["error"]["code"] == event["code"]
        assert event["error"]["message"]


async def test_a_cancelled_stream_ends_without_an_event() -> None:
    async def events() -> Any:
        yield b"data: 1\n\n"
        await asyncio.sleep(60)

    async def read() -> None:
        async for _ in error_as_final_event(events(), problem_event):
            pass

    reading = asyncio.create_task(read())
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


@pytest.mark.parametrize(
    "name", ["unprintable", "a lone surrogate in a problem", "exit", "a group of any", "a base exception"]
)
async def test_a_job_whose_error_cannot_be_printed_does_not_end_the_worker(
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
