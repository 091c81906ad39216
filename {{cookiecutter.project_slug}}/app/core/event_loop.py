"""Which event loop every process and command runs on. On Windows it must be one that waits by select, for psycopg."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def loop_factory(*, fast: bool = False) -> LoopFactory | None:
    """None for the default loop. fast: uvloop where it is installed, for processes that serve."""
    if sys.platform == "win32":
        return asyncio.SelectorEventLoop
    if not fast:
        return None
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def run_coroutine(work: Coroutine[Any, Any, T]) -> T:
    """As asyncio.run, on the loop of this system."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(work)
