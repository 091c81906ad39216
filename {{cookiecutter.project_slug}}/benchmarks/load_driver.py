"""Sends questions to a service from a process of its own, open loop or as callers in a loop, and times each reply.

In an open loop requests are sent at a rate whatever becomes of earlier ones, each by another caller, over persistent
connections as from a proxy; times count from when a request was due. `python -m benchmarks.load_driver PLAN REPLIES`
reads a Plan from a file of JSON and writes the replies of each group to another. It uses plain sockets and renders
nothing twice, because on a small machine what it costs is missing to the service.
"""

import asyncio
import heapq
import itertools
import random
import selectors
import socket
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import compress
from pathlib import Path
from typing import Any

import orjson
import psutil

from benchmarks.measures import percentile

MAX_CONNECTIONS = 700
GIVE_UP_SECONDS = 60.0
LONGEST_SLEEP = 0.1
Handler = Callable[[int, bytes], None]


@dataclass(frozen=True)
class Group:
    """keys: one is chosen for each request. phases: (seconds, requests a second) of an open loop. callers: instead of
    phases, for `seconds`, each with a key of its own; patient: they wait for Retry-After; roaming: they take another
    key for each request, as an open loop does.
    """

    name: str
    keys: list[str]
    phases: list[tuple[float, float]] = field(default_factory=list)
    callers: int = 0
    seconds: float = 0.0
    patient: bool = False
    roaming: bool = False


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


@dataclass(frozen=True)
class Spent:
    """Seconds of processor time: of the watched process, and of the driver."""

    watched: float
    driver: float


class Loop:
    """Calls what is ready to be read or due. callers: those that go on asking."""

    def __init__(self) -> None:
        self.callers = 0
        self.selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def at(self, due: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (due, next(self._numbers), call))

    def run(self, busy: Callable[[], bool]) -> None:
        clock = time.perf_counter
        while busy():
            ahead = self._timers[0][0] - clock() if self._timers else LONGEST_SLEEP
            for key, _ in self.selector.select(min(max(ahead, 0.0), LONGEST_SLEEP)):
                key.data()
            while self._timers and self._timers[0][0] <= clock():
                heapq.heappop(self._timers)[2]()


def _length(head: bytes) -> int:
    return int(head.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])


class Line:
    """A persistent connection with one request at a time. It connects without blocking, since that can take longer than
    a reply; the first request waits for it. address: family and address.
    """

    def __init__(self, loop: Loop, address: tuple[socket.AddressFamily, Any]) -> None:
        self.loop, self.buffer, self.waiting = loop, b"", b""
        self.handler: Handler | None = None
        self.socket = socket.socket(address[0])
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.open, self.connected = True, False
        self.socket.connect_ex(address[1])
        loop.selector.register(self.socket, selectors.EVENT_WRITE, self._connect)

    def _connect(self) -> None:
        if self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.close()
            return
        self.connected = True
        self.loop.selector.modify(self.socket, selectors.EVENT_READ, self.read)
        if self.handler:
            self.send(self.waiting, self.handler)

    def send(self, request: bytes, handler: Handler) -> None:
        self.handler = handler
        if self.open and not self.connected:
            self.waiting = request
            return
        try:
            if not self.open or self.socket.send(request) != len(request):
                self.close()
        except OSError:
            self.close()

    def read(self) -> None:
        try:
            data = self.socket.recv(65_536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        data = self.buffer + data if self.buffer else data
        head, found, rest = data.partition(b"\r\n\r\n")
        if not found or len(rest) < _length(head):
            self.buffer = data
            return
        self.buffer = b""
        handler, self.handler = self.handler, None
        if handler:
            handler(int(data[9:12]), data)

    def close(self) -> None:
        if self.open:
            self.open = False
            self.loop.selector.unregister(self.socket)
            self.socket.close()
        handler, self.handler = self.handler, None
        if handler:
            handler(0, b"")


class Requests:
    """The requests of a plan, each with the next question, from parts that are rendered once."""

    def __init__(self, plan: Plan) -> None:
        self.chance, self.start = random.Random(12), 0.0
        found = socket.getaddrinfo(plan.host, plan.port, type=socket.SOCK_STREAM)[0]
        self.address = (found[0], found[4])
        bodies = [orjson.dumps({"question": question}) for question in plan.questions]
        self._rests = itertools.cycle([b"%d\r\n\r\n%b" % (len(body), body) for body in bodies])
        self._heads: dict[str, bytes] = {}

    def next(self, key: str) -> bytes:
        if key not in self._heads:
            head = "POST /v1/answers HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nauthorization: Bearer"
            self._heads[key] = f"{head} {key}\r\ncontent-length: ".encode()
        return self._heads[key] + next(self._rests)

    def note(self, replies: Replies, due: float, status: int, content: bytes, refused: bool = False) -> None:
        replies.events.append((due - self.start, status, time.perf_counter() - due))
        replies.again.append(refused)
        if status == 200:
            begin = content.find(b"\r\n\r\n") + 11
            replies.ids.append(content[begin : begin + 36].decode())


class OpenLoop:
    """The requests of a group, each when it is due. backlog: when those were due that no connection was free for."""

    def __init__(self, loop: Loop, requests: Requests, group: Group) -> None:
        self.loop, self.requests, self.group, self.replies = loop, requests, group, Replies()
        self.idle: list[Line] = []
        self.backlog: deque[float] = deque()
        self.lines = self.pending = 0
        self._dues = self._due_times(time.perf_counter())
        self._next = next(self._dues, None)
        self._ends = 0.0
        self._arrive()

    @property
    def busy(self) -> bool:
        if self._next is not None:
            return True
        return bool(self.pending or self.backlog) and time.perf_counter() < self._ends

    def _due_times(self, begins: float) -> Iterator[float]:
        for seconds, rate in self.group.phases:
            now = begins
            while rate and (now := now + self.requests.chance.expovariate(rate)) < begins + seconds:
                yield now
            begins += seconds

    def _arrive(self) -> None:
        now = time.perf_counter()
        while self._next is not None and self._next <= now:
            self.backlog.append(self._next)
            self._next = next(self._dues, None)
        self._send_due()
        if self._next is not None:
            self.loop.at(self._next, self._arrive)
        self._ends = now + GIVE_UP_SECONDS

    def _line(self) -> Line | None:
        while self.idle:
            if (line := self.idle.pop()).open:
                return line
            self.lines -= 1
        if self.lines >= MAX_CONNECTIONS:
            return None
        self.lines += 1
        return Line(self.loop, self.requests.address)

    def _send_due(self) -> None:
        while self.backlog and (line := self._line()):
            due = self.backlog.popleft()
            self.pending += 1

            def done(status: int, content: bytes, line: Line = line, due: float = due) -> None:
                self.pending -= 1
                self.requests.note(self.replies, due, status, content)
                self.idle.append(line)
                if self.backlog:
                    self._send_due()

            line.send(self.requests.next(self.requests.chance.choice(self.group.keys)), done)


class Caller:
    """One that asks without a pause until the time is over, or waits for Retry-After where it is patient."""

    def __init__(self, loop: Loop, requests: Requests, group: Group, replies: Replies) -> None:
        self.loop, self.requests, self.group, self.replies = loop, requests, group, replies
        self.key, self.refused = requests.chance.choice(group.keys), False
        loop.callers += 1
        self.until = time.perf_counter() + group.seconds
        self.line = self._open()
        loop.at(0.0, self._ask)

    def _open(self) -> Line:
        return Line(self.loop, self.requests.address)

    def _ask(self) -> None:
        due = time.perf_counter()
        if due >= self.until:
            self.loop.callers -= 1
            self.line.close()
            return
        if not self.line.open:
            self.line = self._open()
        key = self.requests.chance.choice(self.group.keys) if self.group.roaming else self.key
        self.line.send(self.requests.next(key), lambda status, content: self._done(due, status, content))

    def _done(self, due: float, status: int, content: bytes) -> None:
        self.requests.note(self.replies, due, status, content, self.refused)
        self.refused = status == 503
        pause = 0
        if self.group.patient and self.refused:
            pause = int(content.lower().split(b"retry-after: ")[1].split(b"\r\n")[0])
        self.loop.at(time.perf_counter() + pause, self._ask)


def run(plan: Plan) -> dict[str, Replies]:
    """Runs all groups at once, and returns when all of their replies have come."""
    loop, requests = Loop(), Requests(plan)
    requests.start = time.perf_counter()
    opened: list[OpenLoop] = []
    found: dict[str, Replies] = {}
    for group in plan.groups:
        if group.callers:
            found[group.name] = Replies()
            for _ in range(group.callers):
                Caller(loop, requests, group, found[group.name])
        else:
            opened.append(OpenLoop(loop, requests, group))
            found[group.name] = opened[-1].replies
    loop.run(lambda: loop.callers > 0 or any(each.busy for each in opened))
    return found


async def drive(plan: Plan, watched: psutil.Process | None = None) -> tuple[dict[str, Replies], Spent]:
    """The replies by group, from a process of its own, and the processor time that `watched` and the driver used."""
    with tempfile.TemporaryDirectory() as folder:
        asked, found = Path(folder) / "plan.json", Path(folder) / "replies.json"
        asked.write_bytes(orjson.dumps(asdict(plan)))
        before = _cpu(watched)
        command = (sys.executable, "-m", "benchmarks.load_driver", str(asked), str(found))
        process = await asyncio.create_subprocess_exec(*command)
        assert await process.wait() == 0, f"The load driver ended with {process.returncode}."
        spent = _cpu(watched) - before
        result = orjson.loads(found.read_bytes())
        replies = {name: Replies(**each) for name, each in result["groups"].items()}
        return replies, Spent(spent, result["cpu_seconds"])


def _cpu(process: psutil.Process | None) -> float:
    times = process.cpu_times() if process else None
    return times.user + times.system if times else 0.0


def _result(plan: dict[str, Any]) -> dict[str, Any]:
    groups = [Group(**group) for group in plan.pop("groups")]
    began = time.process_time()
    found = run(Plan(groups=groups, **plan))
    return {"cpu_seconds": time.process_time() - began, "groups": {name: asdict(each) for name, each in found.items()}}


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(orjson.dumps(_result(orjson.loads(Path(sys.argv[1]).read_bytes()))))
