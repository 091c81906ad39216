import asyncio
from collections.abc import Awaitable, Callable

import structlog

from app.core.errors import Problem

log = structlog.get_logger(__name__)


async def repeat(
    work: Callable[[], Awaitable[object]], seconds: float, failed: str, expected: type[Exception] = Exception
) -> None:
    """Does the work until cancelled, with a pause of `seconds` after each time. An error of the type `expected` is
    logged as the event `failed`, and the work is tried again.
    """
    while True:
        try:
            await work()
        except expected as error:
            what = {"code": error.code} if isinstance(error, Problem) else {"error": type(error).__name__}
            log.warning(failed, **what)
        await asyncio.sleep(seconds)
