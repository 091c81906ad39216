"""Corrections by reviewers become cases once an owner accepts them."""

import json
import shutil
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest

from app.core.embedded import Urls
from app.evaluation.domain.cases import Case
from app.evaluation.service import SuiteFiles
from app.review.domain.case_candidate import CaseCandidateNotFound, CaseCandidateUnusable
from app.review.domain.items import ReviewItem
from app.review.service.golden_suite import GoldenSuite
from tests.review.conftest import Desk


@pytest.fixture
def evals(desk: Desk, tmp_path: Path) -> Path:
    folder = tmp_path / "evals"
    shutil.copytree(desk.state.settings.root / "evals", folder)
    desk.reviews = replace(desk.reviews, suites=SuiteFiles(folder))
    return folder


async def edited(desk: Desk) -> ReviewItem:
    item = await desk.queue()
    await desk.decide(desk.person("ana"), item, "edit", "At seven sharp [1].")
    return item


async def test_an_edited_answer_is_a_candidate_with_its_provenance_until_it_is_accepted(
    desk: Desk, evals: Path
) -> None:
    item, owner = await edited(desk), desk.person("owner", "admin")
    approved = await desk.queue()
    await desk.decide(desk.person("ana"), approved, "approve")
    [found] = await desk.reviews.golden_suite.candidates(owner)
    assert (found.item.id, found.reviewer, found.reason) == (item.id, "ana", "as I see it")
    assert found.release_id == "0" * 64
    before = (evals / "golden.jsonl").read_text().splitlines()
    case = await desk.reviews.golden_suite.accept(owner, item.id)
    *others, last = (evals / "golden.jsonl").read_text().splitlines()
    assert others == before
    written = json.loads(last)
    assert (written["answer"], written["sources"]) == ("At seven sharp.", [{"uri": "harbour.md"}])
    assert SuiteFiles(evals).load("golden").cases[-1] == case
    assert await desk.reviews.golden_suite.candidates(owner) == []
    with pytest.raises(CaseCandidateNotFound):
        await desk.reviews.golden_suite.accept(owner, item.id)
    lines = await desk.state.audit.page(20, None, desk.tenant)
    assert [(line.actor, line.after) for line in lines if line.action == "evals.accept"] == [("owner", case.digest)]


async def test_a_rejected_answer_becomes_a_case_with_forbidden_text(desk: Desk, evals: Path) -> None:
    item = await desk.queue()
    await desk.decide(desk.person("ana"), item, "reject")
    case = await desk.reviews.golden_suite.accept(desk.person("owner", "admin"), item.id)
    assert (case.forbidden, case.should_refuse) == (("The gate opens at seven.",), None)


async def test_an_unusable_correction_is_refused_and_the_suite_unchanged(desk: Desk, evals: Path) -> None:
    item = await desk.queue(groups=("the board of directors",))
    await desk.decide(desk.person("ana", groups=("the board of directors",)), item, "reject")
    before = (evals / "golden.jsonl").read_bytes()
    with pytest.raises(CaseCandidateUnusable):
        await desk.reviews.golden_suite.accept(
            desk.person("owner", "admin", groups=("the board of directors",)), item.id
        )
    assert (evals / "golden.jsonl").read_bytes() == before


async def test_corrections_from_restricted_documents_are_shown_to_their_group_only(desk: Desk, evals: Path) -> None:
    item = await desk.queue(groups=("board",))
    await desk.decide(desk.person("ana", groups=("board",)), item, "reject")
    assert await desk.reviews.golden_suite.candidates(desk.person("owner", "admin")) == []


async def test_a_case_that_is_written_into_a_file_has_no_personal_data(desk: Desk, evals: Path) -> None:
    item = await desk.queue()
    await desk.decide(desk.person("ana"), item, "edit", "Ask jane@acme.example or +49 30 2312 5414 [1].")
    case = await desk.reviews.golden_suite.accept(desk.person("owner", "admin"), item.id)
    assert case.answer == "Ask [email] or [phone]."
    wrong = await desk.queue(decisions=2)
    await desk.decide(desk.person("ana"), wrong, "edit", "Ask jane@acme.example [1].")
    await desk.decide(desk.person("bob"), wrong, "reject")
    assert (await desk.reviews.golden_suite.accept(desk.person("owner", "admin"), wrong.id)).forbidden == (
        "Ask [email].",
    )
    assert "jane@" not in (evals / "golden.jsonl").read_text()


async def test_a_correction_that_is_erased_while_it_is_accepted_becomes_no_case(
    desk: Desk, evals: Path, database_urls: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    item, before = await edited(desk), (evals / "golden.jsonl").read_bytes()

    def then_erased(self: GoldenSuite, case: Case) -> Case:
        with psycopg.connect(database_urls.owner) as owner:
            emptied = "update review_items set payload = '{}', digest = %s where id = %s"
            owner.execute(emptied, (sha256(b"{}").hexdigest(), item.id))
        return case

    monkeypatch.setattr(GoldenSuite, "_protected", then_erased)
    with pytest.raises(CaseCandidateNotFound):
        await desk.reviews.golden_suite.accept(desk.person("owner", "admin"), item.id)
    assert (evals / "golden.jsonl").read_bytes() == before


async def test_an_answer_cannot_be_erased_while_its_item_is_made(desk: Desk, database_urls: Urls) -> None:
    answer = await desk.send()
    subject = desk.reviews.lifecycle.subjects.of("answer")
    with psycopg.connect(database_urls.owner) as owner:
        async with desk.state.database.transaction(desk.tenant) as connection:
            await subject.item(connection, desk.tenant, answer)
            with pytest.raises(psycopg.errors.LockNotAvailable):
                owner.execute("select from reviewed_answers where answer_id = %s for update nowait", (answer,))
