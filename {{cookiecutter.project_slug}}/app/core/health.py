"""Is the process alive, and is it ready for traffic?"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from app.core.errors import Problem, StartRefused

log = structlog.get_logger(__name__)

Check = Callable[[], Awaitable[None]]
Note = Callable[[], Awaitable[list[str]]]
CHECK_SECONDS = 0.9
SILENT = "does not answer"


@dataclass(frozen=True)
class Health:
    """Named checks; each returns when its dependency is there and raises when it is not.

    remarks: what an operator should see there although requests can be served.
    """

    checks: Mapping[str, Check]
    remarks: Sequence[Note] = ()

    async def report(self) -> dict[str, str]:
        """What each dependency says: "ok", or in a few words what is wrong; within a second."""
        states = await asyncio.gather(*(self._state(name) for name in self.checks))
        return dict(zip(self.checks, states, strict=True))

    async def notes(self) -> list[str]:
        """What there is to see to; nothing is said about what cannot be found out within a second."""
        said = await asyncio.gather(*(self._note(remark) for remark in self.remarks))
        return [note for notes in said for note in notes]

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
        except StartRefused as known:
            return str(known)
        except Exception as error:
            log.warning("core.health_check_failed", check=name, exc_info=error)
            return type(error).__name__
        return "ok"
