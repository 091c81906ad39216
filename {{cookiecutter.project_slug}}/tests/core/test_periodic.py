import asyncio

import pytest

from app.core.errors import DatabaseUnavailable, Problem
from app.core.periodic import repeat


async def test_work_that_fails_is_logged_and_tried_again() -> None:
    errors: list[Problem] = [DatabaseUnavailable(), Problem()]
    logged: list[str] = []
    done = asyncio.Event()

    async def work() -> None:
        if errors:
            raise errors.pop(0)
        done.set()

    repeating = asyncio.ensure_future(repeat(work, 0, Problem, lambda problem: logged.append(problem.code)))
    await done.wait()
    repeating.cancel()
    await asyncio.gather(repeating, return_exceptions=True)
    assert logged == [DatabaseUnavailable.code, Problem.code]


async def test_an_error_that_nobody_expected_ends_the_work() -> None:
    async def work() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await repeat(work, 0, Problem, lambda problem: None)
