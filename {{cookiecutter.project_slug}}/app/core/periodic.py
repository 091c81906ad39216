import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

E = TypeVar("E", bound=Exception)


async def repeat(
    work: Callable[[], Awaitable[object]], seconds: float, expected: type[E], log: Callable[[E], object]
) -> None:
    """Does the work until cancelled, with a pause of `seconds` after each time. An error of the type `expected` is
    logged by `log`, and the work is tried again.
    """
    while True:
        try:
            await work()
        except expected as error:
            log(error)
        await asyncio.sleep(seconds)
