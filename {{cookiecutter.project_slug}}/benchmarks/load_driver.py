"""Sends questions to a service from a process of its own, open loop or as callers in a loop, and times each reply.

In an open loop requests are sent at a rate whatever becomes of earlier ones, each by another caller, over persistent
connections as from a proxy; times count from when a request was due. `python -m benchmarks.load_driver PLAN REPLIES`
reads a Plan from a file of JSON and writes the replies of each group to another.
"""

import asyncio
import itertools
import random
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import compress
from pathlib import Path
from typing import Any, cast

import orjson
import psutil

from benchmarks.measures import percentile

TICK = 0.002
MAX_CONNECTIONS = 700
GIVE_UP_SECONDS = 60.0
Handler = Callable[[int, bytes], None]


@dataclass(frozen=True)
class Group:
    """keys: one is chosen for each request. phases: (seconds, requests a second) of an open loop. callers: instead of
    phases, for `seconds`; patient: they wait for Retry-After.
    """

    name: str
    keys: list[str]
    phases: list[tuple[float, float]] = field(default_factory=list)
    callers: int = 0
    seconds: float = 0.0
    patient: bool = False


@dataclass(frozen=True)
class Plan:
    port: int
    questions: list[str]
    groups: list[Group]
    host: str = "127.0.0.1"


@dataclass
class Replies:
    """events: (when it was due, status, seconds until the reply), in seconds since the start; status 0: no reply.
    again: events whose caller had been refused just before. ids: of the answers.
    """

    events: list[tuple[float, int, float]] = field(default_factory=list)
    again: list[bool] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    def between(self, start: float, end: float) -> "Replies":
        """Those that were due in this time."""
        return self._chosen([start <= due < end for due, _, _ in self.events])

    def ended_between(self, start: float, end: float) -> "Replies":
        """Those that came in this time."""
        return self._chosen([start <= due + spent < end for due, _, spent in self.events])

    def _chosen(self, these: list[bool]) -> "Replies":
        return Replies(list(compress(self.events, these)), list(compress(self.again, these)), self.ids)

    def seconds(self, status: int, again: bool = False) -> list[float]:
        events = zip(self.events, self.again, strict=True)
        return [spent for (_, found, spent), after in events if found == status and after == again]

    @property
    def answered(self) -> list[float]:
        return self.seconds(200) + self.seconds(200, again=True)

    @property
    def failed(self) -> int:
        return sum(status not in (200, 503) for _, status, _ in self.events)

    def ms(self, seconds: list[float], share: float) -> float | None:
        return round(percentile(seconds, share) * 1000, 1) if seconds else None


class Line(asyncio.Protocol):
    """A persistent connection with one request at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.buffer = b""
        self.handler: Handler | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def send(self, request: bytes, handler: Handler) -> None:
        self.handler = handler
        if self.transport is None or self.transport.is_closing():
            self.connection_lost(None)
        else:
            self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        if len(rest) < length:
            return
        self.buffer = b""
        handler, self.handler = self.handler, None
        if handler:
            handler(int(head[9:12]), head if head[9:12] == b"503" else rest)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        handler, self.handler = self.handler, None
        if handler:
            handler(0, b"")


@dataclass
class _Pool:
    """The connections of an open loop. backlog: when requests were due that no connection was free for."""

    idle: list[Line] = field(default_factory=list)
    backlog: deque[float] = field(default_factory=deque)
    lines: int = 0
    pending: int = 0

    def usable(self) -> bool:
        while self.idle and self.idle[-1].transport is None:
            self.idle.pop()
            self.lines -= 1
        return bool(self.idle)


class Driver:
    """Runs a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.bodies = itertools.cycle([orjson.dumps({"question": question}) for question in plan.questions])
        self.chance = random.Random(12)
        self.start = 0.0

    async def run(self) -> dict[str, Replies]:
        self.start = time.perf_counter()
        replies = await asyncio.gather(*(self._group(group) for group in self.plan.groups))
        return {group.name: found for group, found in zip(self.plan.groups, replies, strict=True)}

    async def _group(self, group: Group) -> Replies:
        replies = Replies()
        if group.callers:
            until = time.perf_counter() + group.seconds
            await asyncio.gather(*(self._caller(group, replies, until) for _ in range(group.callers)))
            return replies
        pool = _Pool()
        for due in self._dues(group):
            while (ahead := due - time.perf_counter()) > 0:  # noqa: ASYNC110, it is a time
                await asyncio.sleep(min(ahead, TICK))
            pool.backlog.append(due)
            if not pool.usable() and pool.lines < MAX_CONNECTIONS:
                pool.lines += 1
                pool.idle.append(await self._open())
            self._send_due(group, replies, pool)
        deadline = time.perf_counter() + GIVE_UP_SECONDS
        while (pool.pending or pool.backlog) and time.perf_counter() < deadline:  # noqa: ASYNC110, it is a number
            await asyncio.sleep(TICK)
        return replies

    def _dues(self, group: Group) -> Iterator[float]:
        begins = time.perf_counter()
        for seconds, rate in group.phases:
            now = begins
            while rate and (now := now + self.chance.expovariate(rate)) < begins + seconds:
                yield now
            begins += seconds

    def _send_due(self, group: Group, replies: Replies, pool: "_Pool") -> None:
        while pool.backlog and pool.usable():
            line, due = pool.idle.pop(), pool.backlog.popleft()
            pool.pending += 1

            def done(status: int, content: bytes, line: Line = line, due: float = due) -> None:
                pool.pending -= 1
                self._note(replies, due, status, content)
                pool.idle.append(line)
                self._send_due(group, replies, pool)

            line.send(self._request(self.chance.choice(group.keys)), done)

    async def _caller(self, group: Group, replies: Replies, until: float) -> None:
        """One that asks without a pause, always with the same key."""
        line, key, refused = await self._open(), self.chance.choice(group.keys), False
        while (due := time.perf_counter()) < until:
            reply: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
            line.send(self._request(key), lambda status, content, to=reply: to.set_result((status, content)))
            status, content = await reply
            self._note(replies, due, status, content, refused)
            refused = status == 503
            if group.patient and refused:
                await asyncio.sleep(int(content.lower().split(b"retry-after: ")[1].split(b"\r\n")[0]))
            if line.transport is None:
                line = await self._open()
        if line.transport:
            line.transport.close()

    def _note(self, replies: Replies, due: float, status: int, content: bytes, refused: bool = False) -> None:
        replies.events.append((due - self.start, status, time.perf_counter() - due))
        replies.again.append(refused)
        if status == 200:
            replies.ids.append(content[7:43].decode())

    async def _open(self) -> Line:
        _, line = await asyncio.get_running_loop().create_connection(Line, self.plan.host, self.plan.port)
        return line

    def _request(self, key: str) -> bytes:
        body = next(self.bodies)
        head = f"POST /v1/answers HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nauthorization: Bearer {key}"
        return f"{head}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


async def drive(plan: Plan, watched: psutil.Process | None = None) -> tuple[dict[str, Replies], float]:
    """The replies by group, from a process of its own, and the CPU seconds that `watched` used meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        asked, found = Path(folder) / "plan.json", Path(folder) / "replies.json"
        asked.write_bytes(orjson.dumps(asdict(plan)))
        before = _cpu(watched)
        command = (sys.executable, "-m", "benchmarks.load_driver", str(asked), str(found))
        process = await asyncio.create_subprocess_exec(*command)
        assert await process.wait() == 0, f"The load driver ended with {process.returncode}."
        spent = _cpu(watched) - before
        return {name: Replies(**each) for name, each in orjson.loads(found.read_bytes()).items()}, spent


def _cpu(process: psutil.Process | None) -> float:
    times = process.cpu_times() if process else None
    return times.user + times.system if times else 0.0


def _run(plan: dict[str, Any]) -> dict[str, Any]:
    import uvloop

    groups = [Group(**group) for group in plan.pop("groups")]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return {name: asdict(found) for name, found in runner.run(Driver(Plan(groups=groups, **plan)).run()).items()}


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(orjson.dumps(_run(orjson.loads(Path(sys.argv[1]).read_bytes()))))
