import asyncio

import pytest
import structlog
from structlog.testing import capture_logs

from app.core.background import background, run_periodically
from app.core.errors import Unavailable


async def test_a_background_job_that_fails_is_logged_as_an_error_and_started_again() -> None:
    starts, restarted = [], asyncio.Event()

    async def watch_something() -> None:
        starts.append("start")
        if len(starts) == 1:
            raise ZeroDivisionError
        restarted.set()

    with capture_logs() as logged:
        async with background(watch_something, restart_seconds=0):
            await restarted.wait()
    [line] = [each for each in logged if each["event"] == "core.background_job_failed"]
    assert line["log_level"] == "error"
    assert line["job"].endswith("watch_something")
    assert isinstance(line["exc_info"], ZeroDivisionError)


async def test_a_background_job_that_returns_is_not_started_again() -> None:
    starts, last = [], asyncio.Event()

    async def returns() -> None:
        starts.append("start")

    async def after_it() -> None:
        await asyncio.sleep(0)
        last.set()

    async with background(returns, after_it, restart_seconds=0):
        await last.wait()
    assert starts == ["start"]


async def test_background_jobs_are_cancelled_and_awaited_at_the_end_of_the_block() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def forever() -> None:
        try:
            started.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.set()

    async with background(forever):
        await started.wait()
    assert ended.is_set()


async def test_a_sweep_recurs_after_a_problem_and_ends_with_any_other_error() -> None:
    errors = [None, Unavailable("away"), ZeroDivisionError()]

    async def sweep() -> None:
        if error := errors.pop(0):
            raise error

    with capture_logs() as logged, pytest.raises(ZeroDivisionError):
        await run_periodically(sweep, 0, structlog.get_logger(), "core.sweep_failed")
    assert errors == []
    assert [(each["log_level"], each["event"], each["code"]) for each in logged] == [
        ("warning", "core.sweep_failed", Unavailable.code)
    ]
