import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

T = TypeVar("T")
SEED = 20261122


async def check_machine(
    machine: type[RuleBasedStateMachine], begin: str, opened: Callable[[], Coroutine[Any, Any, T]]
) -> None:
    """begin: the name by which the machine opens what it is about; its `run` waits for work on this loop."""
    loop = asyncio.get_running_loop()

    def run(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    members = {"run": staticmethod(run), begin: staticmethod(lambda: run(opened()))}
    print(f"seed {SEED}")
    # Its own thread: the machine is synchronous, and what it is about lives on this loop.
    limits = settings(max_examples=8, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))
    on_this_loop = type(machine.__name__, (machine,), members)
    await asyncio.to_thread(run_state_machine_as_test, seed(SEED)(on_this_loop), settings=limits)
