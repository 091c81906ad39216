"""Is the process alive, and is it ready for traffic?"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog

from app.core.errors import Problem, StartRefused

log = structlog.get_logger(__name__)

Check = Callable[[], Awaitable[None]]
CHECK_SECONDS = 0.9


@dataclass(frozen=True)
class Health:
    """Named checks; each returns when its dependency is there and raises when it is not."""

    checks: Mapping[str, Check]

    async def report(self) -> dict[str, str]:
        """What each dependency says: "ok", or in a few words what is wrong; within a second."""
        states = await asyncio.gather(*(self._state(name) for name in self.checks))
        return dict(zip(self.checks, states, strict=True))

    async def _state(self, name: str) -> str:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await self.checks[name]()
        except TimeoutError:
            return "does not answer"
        except (Problem, StartRefused) as known:
            return str(known)
        except Exception as error:
            log.warning("health_check_failed", check=name, exc_info=error)
            return type(error).__name__
        return "ok"
