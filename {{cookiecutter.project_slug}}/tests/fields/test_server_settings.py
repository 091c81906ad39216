"""Each variable about the server, its logs and traces, and its embedding provider, in the service that has it."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, redirect_stderr, redirect_stdout
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
import structlog

from app import main
from app.core.errors import StartRefused
from app.core.telemetry import captures_content, shutdown_tracing, span
from app.settings import load_settings
from app.setup.process import make_embedders, observe
from app.wiring import State
from tests.adapters.embeddings.test_openai import SIZE, Provider
from tests.conftest import TESTED
from tests.core.test_server import GET, POST, Connection
from tests.e2e.conftest import App, forked_app
from tests.fields.conftest import Changed, environment
from tests.fields.values import Bench
from tests.serving import served

__all__ = ["forked_app"]

Connect = Callable[[], Awaitable[Connection]]


@asynccontextmanager
async def listening(state: State) -> AsyncIterator[Connect]:
    """Connections to a server of the service, with the limits of its settings."""
    made: list[Connection] = []
    async with served(main.create_app(state), state.settings) as url:

        async def connect() -> Connection:
            port = int(url.rpartition(":")[2])
            made.append(Connection(*await asyncio.open_connection("127.0.0.1", port)))
            return made[-1]

        try:
            yield connect
        finally:
            for each in made:
                each.writer.close()


LIVE = GET.replace(b"GET /", b"GET /health/live")


async def replied(connect: Connect, *parts: bytes) -> int:
    connection = await connect()
    await connection.send(*parts)
    return (await connection.reply())[0]


async def first_still_serves(connect: Connect) -> bool:
    """Whether the first of three connections, which has been silent longest, is still served."""
    first, _ = [await connect() for _ in range(2)]
    assert await replied(connect, LIVE + b"\r\n") == 200
    await first.send(LIVE + b"\r\n")
    try:
        return (await first.reply())[0] == 200
    except (ConnectionError, asyncio.IncompleteReadError):
        return False


MANY = LIVE + b"".join(b"a%d: x\r\n" % n for n in range(20)) + b"\r\n"
LONG = LIVE + b"a: " + b"x" * 3000 + b"\r\n\r\n"
SERVER: list[tuple[str, str, Callable[[Connect], Awaitable[Any]], Any, Any]] = [
    ("APP_MAX_HEADERS", "10", lambda connect: replied(connect, MANY), 200, 431),
    ("APP_MAX_HEADER_BYTES", "2000", lambda connect: replied(connect, LONG), 200, 431),
    ("APP_MAX_CONNECTIONS", "2", first_still_serves, True, False),
]


@pytest.mark.parametrize(("name", "value", "probe", "without", "with_it"), SERVER, ids=[name for name, *_ in SERVER])
async def test_a_limit_of_the_server_is_that_of_the_environment(
    changed: Changed, name: str, value: str, probe: Any, without: Any, with_it: Any
) -> None:
    found = []
    for variables in ({}, {name: value}):
        async with changed(variables) as state, listening(state) as connect:
            found.append(await probe(connect))
    assert found == [without, with_it]


async def half_a_head(connect: Connect) -> None:
    assert await replied(connect, LIVE + b"a: b") == 408


async def half_a_body(connect: Connect) -> None:
    assert await replied(connect, POST.replace(b"/", b"/v1/answers", 1) + b"content-length: 9\r\n\r\n{") == 408


async def silent_after_a_reply(connect: Connect) -> None:
    connection = await connect()
    await connection.send(LIVE + b"\r\n")
    await connection.reply()
    assert await connection.is_closed()


STALLED = {
    "APP_HEADER_SECONDS": half_a_head,
    "APP_BODY_SECONDS": half_a_body,
    "APP_KEEP_ALIVE_SECONDS": silent_after_a_reply,
}


@pytest.mark.parametrize("name", STALLED)
async def test_of_connections_that_stall_the_one_ends_first_whose_time_is_short(changed: Changed, name: str) -> None:
    """The others began before it."""
    others = [each for each in STALLED if each != name]
    async with changed({name: "0.1"}) as state, listening(state) as connect:
        tasks = {each: asyncio.ensure_future(STALLED[each](connect)) for each in (*others, name)}
        done, rest = await asyncio.wait(tasks.values(), return_when=asyncio.FIRST_COMPLETED)
        for each in rest:
            each.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
    assert done == {tasks[name]}
    await tasks[name]


async def test_bodies_that_are_read_at_a_time_are_bounded_together(changed: Changed) -> None:
    """Without the value both would wait for the rest of their body."""
    begun = POST.replace(b"/", b"/v1/answers", 1) + b"content-length: 900000\r\n\r\n" + b"x" * 700_000
    async with changed({"APP_MAX_BUFFERED_BODY_BYTES": "1000000"}) as state, listening(state) as connect:
        tasks = [asyncio.ensure_future(replied(connect, begun)) for _ in range(2)]
        done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for each in rest:
            each.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
    assert [each.result() for each in done] == [503]


async def replies_after_a_pause(connect: Connect, asked: int) -> int:
    """How many come to a caller who asks for more than fits in any buffer, and reads when another one has timed out."""
    connection = await connect()
    connection.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await connection.send((GET.replace(b"GET /", b"GET /openapi.json") + b"\r\n") * asked)
    await half_a_head(connect)
    connection.writer.transport.resume_reading()  # type: ignore[attr-defined]
    for number in range(asked):
        try:
            await connection.reply()
        except (ConnectionError, asyncio.IncompleteReadError):
            return number
    return asked


@pytest.mark.parametrize(("seconds", "whole"), [("0.1", False), ("30", True)])
async def test_a_caller_who_does_not_read_is_cut_off_in_the_time_of_the_environment(
    changed: Changed, seconds: str, whole: bool
) -> None:
    variables = {"APP_SEND_SECONDS": seconds, "APP_HEADER_SECONDS": "0.8"}
    async with changed(variables) as state, listening(state) as connect:
        assert (await replies_after_a_pause(connect, asked=60) == 60) is whole


async def test_the_scheme_of_a_request_is_what_a_proxy_of_the_environment_says(changed: Changed) -> None:
    redirected = GET.replace(b"GET /", b"GET /console") + b"x-forwarded-proto: https\r\n\r\n"
    for trusted, scheme in (("10.0.0.0/8", b"http"), ("127.0.0.0/8", b"https")):
        async with changed({"APP_TRUSTED_PROXIES": f'["{trusted}"]'}) as state, listening(state) as connect:
            connection = await connect()
            await connection.send(redirected)
            assert (await connection.reply())[1][b"location"] == scheme + b"://x/console/"


async def test_the_address_is_that_of_the_environment(tmp_path: Path, forked_app: App) -> None:
    """An address that no machine has."""
    done = forked_app(tmp_path, "serve", APP_HOST="192.0.2.1", APP_EMBEDDER="none")
    assert done.returncode == 1
    assert "192.0.2.1" in done.stderr


def observed(**variables: str) -> tuple[str, str, bool]:
    """What a process prints and logs that is observed as its environment says, and whether it captures content."""
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level, out, logged = root.handlers[:], root.level, io.StringIO(), io.StringIO()
    try:
        with environment({"APP_ROOT": str(TESTED), **variables}), redirect_stdout(out), redirect_stderr(logged):
            observe(load_settings(_env_file=None))
            structlog.get_logger("tests").debug("a whisper")
            structlog.get_logger("tests").warning("a shout")
            with span("step"):
                captures = captures_content()
            shutdown_tracing()
    finally:
        shutdown_tracing()
        structlog.configure(**before)
        root.handlers, root.level = handlers, level
    return out.getvalue(), logged.getvalue(), captures


def test_the_log_has_the_level_and_the_format_of_the_environment() -> None:
    _, logged, _ = observed()
    assert [json.loads(line)["event"] for line in logged.splitlines()] == ["a shout"]
    _, logged, _ = observed(APP_LOG_LEVEL="DEBUG", APP_LOG_FORMAT="console")
    assert "a whisper" in logged
    assert not logged.startswith("{")


@pytest.mark.parametrize(
    ("variables", "traced"),
    [
        ({}, False),
        ({"APP_TRACES": "console", "APP_TRACE_SAMPLE": "1"}, True),
        ({"APP_TRACES": "console", "APP_TRACE_SAMPLE": "0"}, False),
    ],
    ids=["none", "all", "no sample"],
)
def test_spans_go_where_the_environment_says_and_as_many(variables: dict[str, str], traced: bool) -> None:
    assert ('"step"' in observed(**variables)[0]) is traced


def test_the_content_of_messages_is_captured_only_where_the_environment_says_so() -> None:
    name = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
    assert not observed(APP_TRACES="console")[2]
    assert observed(**{"APP_TRACES": "console", name: "SPAN_ONLY"})[2]


def test_spans_are_sent_to_the_collector_of_the_environment() -> None:
    paths: list[str] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Collector)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/of-the-fields"
        observed(APP_TRACES="otlp", APP_TRACE_SAMPLE="1", APP_OTLP_ENDPOINT=address)
    finally:
        server.shutdown()
        server.server_close()
    assert paths == ["/of-the-fields"]


async def test_texts_go_to_the_embedding_provider_of_the_environment(changed: Changed) -> None:
    provider = Provider()
    async with provider.listening() as url:
        variables = {
            "APP_EMBEDDER": "openai",
            "APP_EMBEDDER_URL": url,
            "APP_EMBEDDER_MODEL": "of-the-fields",
            "APP_EMBEDDER_DIMENSIONS": str(SIZE),
            "APP_EMBEDDER_BATCH": "2",
            "APP_EMBEDDER_KEY": "of-the-provider, and-another-key",
        }
        prices = {"prices": {"of-the-fields": {"input": 1, "output": 1}}}
        async with changed(variables, live=False, cost=prices) as state:
            [embedder] = state.retrieval.embedders.values()
            tenant = await state.identity.ensure_tenant(uuid4().hex)
            texts = ["one", "two", "three"]
            result, _ = await state.retrieval.passages.embed(embedder.name, texts, tenant, uuid4())
    assert [len(request["input"]) for request in provider.requests] == [2, 1]
    assert {request["model"] for request in provider.requests} == {"of-the-fields"}
    assert provider.keys == ["Bearer of-the-provider", "Bearer and-another-key"]
    masked = load_settings(embedder_key="of-the-provider, and-another-key").secret_values()
    assert {"of-the-provider", "and-another-key"} <= masked
    assert (embedder.dimensions, len(result.vectors)) == (SIZE, 3)


async def test_the_local_embedder_is_that_of_the_folder_with_its_threads(
    changed: Changed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []
    monkeypatch.setattr("app.adapters.embeddings.onnx.make_onnx_embedder", lambda _, given: threads.append(given))
    with environment({"APP_ROOT": str(TESTED), "APP_EMBEDDER": "minilm", "APP_EMBEDDER_THREADS": "3"}):
        [embedder] = make_embedders(load_settings(_env_file=None))
        with pytest.raises(AttributeError):
            await embedder.warm()
    assert threads == [3]
    with pytest.raises(StartRefused, match=r"model\.onnx"):
        async with changed({"APP_EMBEDDER": "minilm", "APP_EMBEDDER_FOLDER": str(tmp_path)}):
            pass


async def test_calls_go_through_the_proxy_of_their_scheme_but_to_hosts_that_need_none(bench: Bench) -> None:
    """The stand-in for a model stands in for a proxy too: it answers whatever host it is asked for."""
    proxy = {"HTTP_PROXY": bench.models[0].url.removesuffix("/v1")}
    async with bench.running({}, host="model.test", **proxy) as service:
        assert (await service.ask())["model"] == "stand-in"
        assert service.model.calls[-1].path.startswith("http://model.test:")
    async with bench.running({}, host="model.test", **proxy, NO_PROXY="model.test") as service:
        assert (await service.ask())["model"] == "extractive"
