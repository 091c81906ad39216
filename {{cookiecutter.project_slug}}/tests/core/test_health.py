import asyncio

from app.core.errors import DatabaseUnavailable
from app.core.health import Health


async def fine() -> None: ...


async def away() -> None:
    raise DatabaseUnavailable()


async def hangs() -> None:
    await asyncio.sleep(60)


async def remarks() -> list[str]:
    return ["one thing", "another"]


async def broken() -> list[str]:
    raise DatabaseUnavailable()


async def test_each_dependency_says_how_it_is_within_a_second() -> None:
    report = await Health({"a": fine, "b": away, "c": hangs}).report()
    assert (report["a"], report["c"]) == ("ok", "does not answer")
    assert report["b"].startswith("The database is away")


async def test_a_note_is_told_and_makes_nothing_fail() -> None:
    health = Health({"a": fine}, (remarks,))
    assert await health.report() == {"a": "ok"}
    assert await health.notes() == ["one thing", "another"]


async def test_a_note_that_cannot_be_found_out_is_left_out() -> None:
    assert await Health({}, (broken, remarks)).notes() == ["one thing", "another"]
