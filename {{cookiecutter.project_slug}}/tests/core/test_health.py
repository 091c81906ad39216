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


async def test_each_dependency_says_how_it_is_and_none_is_waited_for_without_end() -> None:
    reporting = asyncio.ensure_future(Health({"a": fine, "b": away, "c": hangs}).report())
    await leap(LONG)
    report = await reporting
    assert (report["a"], report["c"]) == ("ok", "does not answer")
    assert report["b"].startswith("The database is away")


async def test_a_note_is_told_and_makes_nothing_fail() -> None:
    health = Health({"a": fine}, (remarks,))
    assert await health.report() == {"a": "ok"}
    assert await health.notes() == ["one thing", "another"]


async def test_a_note_that_cannot_be_found_out_is_left_out() -> None:
    assert await Health({}, (broken, remarks)).notes() == ["one thing", "another"]
