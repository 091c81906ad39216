import asyncio

from app.core.errors import DatabaseUnavailable
from app.core.health import Health
from tests.clock import leap
from tests.conftest import LONG


async def fine() -> None: ...


async def away() -> None:
    raise DatabaseUnavailable()


async def hangs() -> None:
    await asyncio.sleep(1000)


async def remarks() -> list[str]:
    return ["one thing", "another"]


async def broken() -> list[str]:
    raise DatabaseUnavailable()


async def test_each_dependency_reports_its_state_and_a_hanging_one_times_out() -> None:
    reporting = asyncio.ensure_future(Health({"a": fine, "b": away, "c": hangs}).report())
    await leap(LONG)
    await leap(1000)  # by then a check without a time limit is "ok"
    report = await reporting
    assert (report["a"], report["c"]) == ("ok", "does not answer")
    assert report["b"].startswith("The database is unavailable")


async def test_a_note_does_not_make_the_service_unready() -> None:
    health = Health({"a": fine}, (remarks,))
    assert await health.report() == {"a": "ok"}
    assert await health.notes() == ["one thing", "another"]


async def test_a_note_whose_check_fails_is_left_out() -> None:
    assert await Health({}, (broken, remarks)).notes() == ["one thing", "another"]
