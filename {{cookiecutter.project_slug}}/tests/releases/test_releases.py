import asyncio
from dataclasses import replace
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.core.clock import SystemClock
from app.core.database import Database
from app.core.embedded import Urls
from app.core.errors import DatabaseUnavailable
from app.releases.domain import (
    CodePin,
    IndexPin,
    Ingredients,
    ModelStep,
    Prompt,
    Release,
    ReleaseMissing,
    ReleaseUnknown,
    digest_of,
)
from app.releases.service import Releases


class SettableIndex:
    def __init__(self) -> None:
        self.pin = IndexPin(embedder="none", chunker="sections")
        self.away = False

    async def live_index(self) -> IndexPin:
        if self.away:
            raise DatabaseUnavailable
        return self.pin


def ingredients() -> Ingredients:
    """Different for every call, so that tests do not meet each other's releases."""
    return Ingredients(
        code=CodePin(version="1.0.0", digest=digest_of(b"code")),
        prompts={"answer": Prompt.read("answer", f"Answer from the passages. {uuid4()}".encode())},
        chain=(ModelStep(provider="extractive", model="extractive"),),
        retrieval={"limit": 10},
        policies={"cost": b"owner: someone\n"},
        prices=b"{}",
        settings={"deadline_seconds": 8.0},
    )


def started(database: Database, made_from: Ingredients | None = None) -> Releases:
    """What a new process holds; its environment is its own, so that tests do not move each other's."""
    name = f"production-{uuid4()}"
    return Releases(made_from or ingredients(), database, SettableIndex(), SystemClock(), environment=name)


async def moves(releases: Releases) -> list[tuple[str, str | None, str]]:
    query = "select release_id, previous_id, reason from environment_moves where environment = :e order by sequence"
    async with releases.database.read(None) as connection:
        return [tuple(row) for row in await connection.execute(text(query), {"e": releases.environment})]


async def test_a_release_exists_from_the_first_start_and_is_live(database: Database) -> None:
    releases = started(database)
    with pytest.raises(ReleaseUnknown):
        releases.current()
    release = await releases.resolve()
    assert releases.current() == release == await releases.live()
    assert release.id == release.manifest.id
    assert await moves(releases) == [(release.id, None, "process started")]


async def test_the_next_start_from_the_same_things_is_the_same_release(database: Database) -> None:
    made_from = ingredients()
    first = await started(database, made_from).resolve()
    assert await started(database, made_from).resolve() == first


async def test_processes_that_start_at_once_agree_on_one_release(database: Database) -> None:
    made_from, name = ingredients(), f"production-{uuid4()}"
    processes = [Releases(made_from, database, SettableIndex(), SystemClock(), environment=name) for _ in range(8)]
    found = await asyncio.gather(*(process.resolve() for process in processes))
    assert len({(release.id, release.number) for release in found}) == 1
    assert len(await moves(processes[0])) == 1


async def test_numbers_follow_each_other_when_different_releases_are_made_at_once(database: Database) -> None:
    found = await asyncio.gather(*(started(database).resolve() for _ in range(6)))
    numbers = sorted(release.number for release in found)
    assert numbers == list(range(numbers[0], numbers[0] + 6))


async def test_a_stored_release_can_be_rebuilt_with_every_part(database: Database) -> None:
    releases = started(database)
    release = await releases.resolve()
    again, parts = await started(database).show(release.id)
    assert again == release
    assert again.prompt("answer").text == releases.ingredients.prompts["answer"].text
    assert parts == releases.ingredients.parts()


async def test_a_release_is_found_by_the_first_digits_of_its_id(database: Database) -> None:
    releases = started(database)
    release = await releases.resolve()
    assert (await releases.show(release.short))[0] == release


@pytest.mark.parametrize("wanted", ["0" * 64, "abc", "", "%%%%%%%%", "________"])
async def test_what_is_not_an_id_is_missing(database: Database, wanted: str) -> None:
    with pytest.raises(ReleaseMissing):
        await started(database).show(wanted)


async def test_another_index_makes_a_new_release_and_the_old_object_keeps_its_own(database: Database) -> None:
    releases = started(database)
    old = await releases.resolve()
    pin = IndexPin(id=UUID(int=7), embedder="minilm", chunker="sections")
    new = await releases.repin(pin)
    assert releases.current() == new
    assert new.manifest.index == pin
    assert old.manifest.index.id is None
    assert await moves(releases) == [
        (old.id, None, "process started"),
        (new.id, old.id, "index switched"),
    ]


async def test_following_an_index_that_has_not_changed_does_nothing(database: Database) -> None:
    releases = started(database)
    release = await releases.resolve()
    await releases.follow()
    assert releases.current() == release
    assert len(await moves(releases)) == 1


async def test_with_the_database_away_the_last_release_keeps_serving(database: Database) -> None:
    releases = started(database)
    release = await releases.resolve()
    assert isinstance(releases.index, SettableIndex)
    releases.index.away = True
    await releases.follow()
    assert await releases.resolve() is release


async def test_a_command_with_other_settings_does_not_say_what_is_live(database: Database) -> None:
    service = started(database)
    await service.follow()
    command = Releases(ingredients(), database, SettableIndex(), SystemClock(), environment=service.environment)
    asked = await command.resolve()
    assert asked.id != service.current().id
    assert await service.live() == service.current()
    await command.follow()
    assert await service.live() == command.current() == asked


async def _change(urls: Urls, statement: str, *values: object) -> None:
    async with await psycopg.AsyncConnection.connect(urls.owner) as connection:
        await connection.execute(statement.encode(), values)


@pytest.mark.parametrize(
    "statement",
    [
        "update releases set manifest = manifest",
        "delete from releases",
        "truncate releases cascade",
        "update release_parts set content = ''",
        "delete from release_parts",
        "update environment_moves set reason = 'x'",
        "delete from environment_moves",
    ],
)
async def test_not_even_the_owner_can_change_what_was_stored(
    database: Database, database_urls: Urls, statement: str
) -> None:
    await started(database).resolve()
    with pytest.raises(psycopg.errors.RestrictViolation, match="never changed"):
        await _change(database_urls, statement)


async def test_the_database_refuses_a_manifest_that_does_not_fit_its_id(
    database: Database, database_urls: Urls
) -> None:
    forged = "insert into releases (id, number, manifest, created_at) values (%s, 0, '{}', now())"
    with pytest.raises(psycopg.errors.CheckViolation):
        await _change(database_urls, forged, "0" * 64)


async def test_the_database_refuses_a_part_that_does_not_fit_its_digest(
    database: Database, database_urls: Urls
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        await _change(database_urls, "insert into release_parts values (%s, 'x')", "0" * 64)


async def test_the_application_may_not_even_try_to_change_a_release(database: Database) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with database.transaction(None) as connection:
            await connection.execute(text("update releases set number = 0"))


async def test_a_changed_prompt_is_another_release_and_both_can_be_shown(database: Database) -> None:
    made_from = ingredients()
    before = await started(database, made_from).resolve()
    prompt = Prompt.read("answer", b"Answer in one word.")
    after = await started(database, replace(made_from, prompts={"answer": prompt})).resolve()
    assert after.id != before.id

    async def shown(release: Release) -> str:
        return (await started(database).show(release.id))[0].prompt("answer").text

    assert await shown(after) == "Answer in one word."
    assert await shown(before) == made_from.prompts["answer"].text
