"""Liveness and readiness checks."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from app.core.clock import Clock
from app.core.errors import Problem, StartRefused
from app.core.template_record import UNKNOWN

log = structlog.get_logger(__name__)

Check = Callable[[], Awaitable[None]]
Note = Callable[[], Awaitable[list[str]]]
CHECK_SECONDS = 0.9
SILENT = "does not answer"


@dataclass
class CachedCheck:
    """A check whose success counts for `seconds`, because load balancers check readiness often. One runs at a time."""

    check: Check
    clock: Clock
    seconds: float
    good_until: float = 0.0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self) -> None:
        async with self.turn:
            if self.clock.monotonic() < self.good_until:
                return
            await self.check()
            self.good_until = self.clock.monotonic() + self.seconds


@dataclass(frozen=True)
class Health:
    """Named checks, each of which raises when its dependency is unavailable.

    remarks: notes for an operator that do not make the service unready. template: its version.
    """

    checks: Mapping[str, Check]
    remarks: Sequence[Note] = ()
    template: str = UNKNOWN

    async def report(self) -> dict[str, str]:
        """The state of each dependency, "ok" or what is wrong, within a second."""
        states = await asyncio.gather(*(self._state(name) for name in self.checks))
        return dict(zip(self.checks, states, strict=True))

    async def notes(self) -> list[str]:
        """The notes of all remarks; a remark that fails or takes more than a second is omitted."""
        results = await asyncio.gather(*(self._note(remark) for remark in self.remarks))
        return [note for notes in results for note in notes]

    async def _note(self, remark: Note) -> list[str]:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                return await remark()
        except Exception as error:
            log.warning("core.health_note_failed", error=type(error).__name__)
            return []

    async def _state(self, name: str) -> str:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await self.checks[name]()
        except TimeoutError:
            return SILENT
        except Problem as problem:
            return " ".join(filter(None, (problem.detail, problem.what_to_do)))
        except StartRefused as refused:
            return str(refused)
        except Exception as error:
            log.warning("core.health_check_failed", check=name, exc_info=error)
            return type(error).__name__
        return "ok"
