import asyncio

import pytest
from structlog.testing import capture_logs

from app.core.errors import DatabaseUnavailable, Problem
from app.core.periodic import repeat


async def test_work_that_fails_is_logged_and_tried_again() -> None:
    errors: list[Exception] = [DatabaseUnavailable(), ZeroDivisionError()]
    done = asyncio.Event()

    async def work() -> None:
        if errors:
            raise errors.pop(0)
        done.set()

    with capture_logs() as logged:
        repeating = asyncio.ensure_future(repeat(work, 0, "core.work_failed"))
        await done.wait()
        repeating.cancel()
        await asyncio.gather(repeating, return_exceptions=True)
    failed = {"event": "core.work_failed", "log_level": "warning"}
    assert logged == [failed | {"code": DatabaseUnavailable.code}, failed | {"error": "ZeroDivisionError"}]


async def test_an_error_that_nobody_expected_ends_the_work() -> None:
    async def work() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await repeat(work, 0, "core.work_failed", Problem)
