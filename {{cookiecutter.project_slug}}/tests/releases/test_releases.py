"""What releases there are, and what became of each."""

import asyncio
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.core.clock import SystemClock
from app.core.database import Database
from app.core.embedded import Urls
from app.releases.domain import (
    EvaluationEvidence,
    ExportBundleRefused,
    IllegalMove,
    ParameterNotFound,
    Prompt,
    ReleaseInputs,
    ReleaseNotFound,
)
from app.releases.service import Releases
from tests.releases.conftest import Shelf, inputs

SECRET = b"s" * 32
PASS = EvaluationEvidence("a" * 64, "PASS")


def started(database: Database, made_from: ReleaseInputs | None = None) -> Releases:
    return Releases(made_from or inputs(), database, Shelf(), SystemClock())


async def step(releases: Releases, release_id: str, after: str, **more: object) -> None:
    async with releases.database.transaction(None) as connection:
        await releases.step(connection, release_id, after, "someone", "a test", **more)  # type: ignore[arg-type]


async def test_a_release_begins_as_a_draft_with_its_author_and_reason(database: Database) -> None:
    releases = started(database)
    release = await releases.create("ada", reason="a better prompt")
    history = await releases.history(release.id)
    assert release.id == release.manifest.id
    assert (history.state, history.author, history.events[0].reason) == ("draft", "ada", "a better prompt")


async def test_the_same_things_are_the_same_release_and_keep_their_author(database: Database) -> None:
    made_from = inputs()
    first = await started(database, made_from).create("ada")
    again = started(database, made_from)
    assert await again.create("grace") == first
    assert (await again.history(first.id)).author == "ada"
    assert len((await again.history(first.id)).events) == 1


async def test_numbers_follow_each_other_when_different_releases_are_made_at_once(database: Database) -> None:
    found = await asyncio.gather(*(started(database).create("ada") for _ in range(6)))
    numbers = sorted(release.number for release in found)
    assert numbers == list(range(numbers[0], numbers[0] + 6))


async def test_processes_that_make_the_same_release_at_once_agree_on_one(database: Database) -> None:
    made_from = inputs()
    found = await asyncio.gather(*(started(database, made_from).create("ada") for _ in range(8)))
    assert len({(release.id, release.number) for release in found}) == 1


async def test_a_stored_release_can_be_rebuilt_with_every_part(database: Database) -> None:
    releases = started(database)
    release = await releases.create("ada")
    again, parts = await started(database).show(release.id)
    assert again == release
    assert again.prompt("answer").text == releases.inputs.prompts["answer"].text
    assert again.policies == releases.inputs.policies
    assert parts == releases.inputs.parts()


async def test_a_release_is_found_by_its_number_its_id_and_its_first_digits(database: Database) -> None:
    releases = started(database)
    release = await releases.create("ada")
    for wanted in (release.id, release.short, str(release.number), f"#{release.number}", release.id.upper()):
        assert await releases.find(wanted) == release


@pytest.mark.parametrize("wanted", ["0" * 64, "abc", "", "%%%%%%%%", "________", "9999999"])
async def test_what_names_no_release_is_missing(database: Database, wanted: str) -> None:
    with pytest.raises(ReleaseNotFound):
        await started(database).show(wanted)


async def test_a_release_can_be_made_from_another_with_something_changed(database: Database) -> None:
    releases = started(database)
    base = await releases.create("ada")
    changed = await releases.create("ada", base=base.short, changes={"retrieval.dense_weight": 0, "refusal.words": 1})
    assert changed.manifest.retrieval == {"limit": 10, "dense_weight": 0}
    assert changed.manifest.settings["refusal.words"] == 1
    assert changed.prompt("answer") == base.prompt("answer")
    with pytest.raises(ParameterNotFound, match=r"retrieval\.dense_weight"):
        await releases.create("ada", base=base.id, changes={"retrieval.dense": 1})


async def test_a_diff_reads_like_a_review(database: Database) -> None:
    made_from = inputs("Answer.\nBe short.")
    old = await started(database, made_from).create("ada")
    prompt = Prompt.read("answer", b"Answer.\nBe long.")
    new_parts = replace(made_from, prompts={"answer": prompt}, retrieval={"limit": 10, "dense_weight": 0.3})
    releases = started(database, new_parts)
    new = await releases.create("ada")
    _, _, changes = await releases.compare(old.id, new.id)
    told = {change.name: change for change in changes}
    assert told.keys() == {"answer", "retrieval.dense_weight"}
    assert "-Be short.\n+Be long." in told["answer"].text
    assert (told["retrieval.dense_weight"].before, told["retrieval.dense_weight"].after) == ("0.5", "0.3")
    assert (await releases.compare(old.id, old.id))[2] == ()


async def test_only_legal_steps_are_made_and_each_says_who_and_why(database: Database) -> None:
    releases = started(database)
    release = await releases.create("ada")
    with pytest.raises(IllegalMove, match="draft cannot become live"):
        await step(releases, release.id, "live")
    await step(releases, release.id, "evaluated", evidence=PASS)
    await step(releases, release.id, "approved")
    history = await releases.history(release.id)
    assert [event.after for event in history.events] == ["draft", "evaluated", "approved"]
    assert history.evidence == PASS
    assert {event.actor for event in history.events[1:]} == {"someone"}


async def test_a_new_evaluation_takes_the_approval_back(database: Database) -> None:
    releases = started(database)
    release = await releases.create("ada")
    await step(releases, release.id, "evaluated", evidence=PASS)
    await step(releases, release.id, "approved")
    async with database.transaction(None) as connection:
        assert await releases.mark_evaluated(connection, release.id, "job", EvaluationEvidence("b" * 64, "FAIL"))
    history = await releases.history(release.id)
    assert (history.state, history.evidence) == ("evaluated", EvaluationEvidence("b" * 64, "FAIL"))


async def test_the_database_refuses_a_step_that_the_code_would_allow(database: Database, database_urls: Urls) -> None:
    release = await started(database).create("ada")
    forged = (
        "insert into release_events (release_id, before, after, at, actor, reason) values (%s, %s, %s, now(), 'x', 'y')"
    )
    for before, after in (("draft", "live"), ("evaluated", "approved"), (None, "draft")):
        with pytest.raises(psycopg.errors.RestrictViolation):
            await _change(database_urls, forged, release.id, before, after)


async def test_a_step_needs_a_name_and_a_reason(database: Database) -> None:
    releases = started(database)
    release = await releases.create("ada")
    with pytest.raises(IntegrityError):
        async with database.transaction(None) as connection:
            await releases.step(connection, release.id, "rejected", "ada", "")


async def test_every_step_is_in_the_audit_log(database: Database) -> None:
    releases = started(database)
    release = await releases.create("ada")
    await step(releases, release.id, "rejected")
    query = "select action, actor, after from audit_log where subject = :subject order by sequence"
    async with database.read(None) as connection:
        acts = [tuple(row) for row in await connection.execute(text(query), {"subject": f"release {release.id}"})]
    assert acts == [("release.create", "ada", "draft"), ("release.rejected", "someone", "rejected")]


async def test_a_release_goes_to_another_deployment_as_one_signed_file(database: Database, database_urls: Urls) -> None:
    releases = started(database)
    release = await releases.create("ada")
    content = await releases.export(release.id, SECRET)
    assert content == await releases.export(release.id, SECRET)
    taken = await started(database).import_bundle("grace", content, SECRET)
    assert taken == release


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content.replace(b'"1.0.0"', b'"1.0.1"'),
        lambda content: content[:-50],
        lambda content: b"{}",
        lambda content: b"[1]",
        lambda content: b"",
        lambda content: content.replace(b'"release/1"', b'"release/2"'),
        lambda content: b"\xff\xfe",
    ],
)
async def test_a_file_that_was_changed_is_refused(database: Database, damage: object) -> None:
    releases = started(database)
    content = await releases.export((await releases.create("ada")).id, SECRET)
    with pytest.raises(ExportBundleRefused):
        await releases.import_bundle("grace", damage(content), SECRET)  # type: ignore[operator]


async def test_a_file_signed_with_another_secret_is_refused(database: Database) -> None:
    releases = started(database)
    content = await releases.export((await releases.create("ada")).id, SECRET)
    with pytest.raises(ExportBundleRefused, match="signature"):
        await releases.import_bundle("grace", content, b"t" * 32)


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
        "update release_events set reason = 'x'",
        "delete from release_events",
        "update environment_moves set reason = 'x'",
        "delete from environment_moves",
    ],
)
async def test_not_even_the_owner_can_change_what_was_stored(
    database: Database, database_urls: Urls, statement: str
) -> None:
    await started(database).create("ada")
    with pytest.raises(psycopg.errors.RestrictViolation, match="never changed"):
        await _change(database_urls, statement)


async def test_the_database_refuses_a_manifest_that_does_not_fit_its_id(database_urls: Urls) -> None:
    forged = "insert into releases (id, number, manifest, created_at) values (%s, 0, '{}', now())"
    with pytest.raises(psycopg.errors.CheckViolation):
        await _change(database_urls, forged, "0" * 64)


async def test_the_database_refuses_a_part_that_does_not_fit_its_digest(database_urls: Urls) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        await _change(database_urls, "insert into release_parts values (%s, 'x')", "0" * 64)


async def test_the_application_may_not_even_try_to_change_a_release(database: Database) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with database.transaction(None) as connection:
            await connection.execute(text("update releases set number = 0"))
