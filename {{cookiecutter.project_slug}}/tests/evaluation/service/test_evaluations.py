"""Evaluations, from a release to a verdict that is stored as evidence."""

import asyncio
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.core.ids import new_id
from app.core.jobs import Worker
from app.evaluation.domain.report import Report, ReportUnusable
from app.evaluation.domain.runs import EvaluationNotFound, EvaluationRun, EvaluationUnfinished
from app.evaluation.domain.suites import CaseLeaked, SuiteNotFound
from app.evaluation.service import Evaluations
from app.evaluation.service.evaluations import JOB
from app.releases.domain import Release, ReleaseNotFound
from app.wiring import State
from tests.evaluation.conftest import CASES, House
from tests.evaluation.service.test_case_runner import counting
from tests.samples import total


async def draft(service: State, **changes: float) -> Release:
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return await service.releases.create("ada", changes=named)


def alone(service: State) -> Evaluations:
    """No release is live, whatever other tests activated in this database."""

    class Nothing:
        async def refresh(self) -> None: ...

        def current(self) -> Release:
            from app.releases.domain import NoLiveRelease

            raise NoLiveRelease

    return replace(service.evaluations, environments=Nothing())  # type: ignore[arg-type]


def beside(service: State, live: Release) -> Evaluations:
    """This release is live."""

    class Live:
        async def refresh(self) -> None: ...

        def current(self) -> Release:
            return live

    return replace(service.evaluations, environments=Live())  # type: ignore[arg-type]


async def evaluate(evaluations: Evaluations, release: Release, **more: object) -> tuple[EvaluationRun, Report]:
    run = await evaluations.start("ada", release.id, queued=False, **more)  # type: ignore[arg-type]
    ended = await evaluations.execute(run.id)
    return ended, Report.read(await evaluations.report(ended.id), ended.report)


@pytest.mark.quick
async def test_an_evaluation_ends_in_a_report_and_the_release_carries_its_hash(service: State) -> None:
    release, before = await draft(service), total("app_evaluations_total")
    run, report = await evaluate(alone(service), release)
    assert total("app_evaluations_total") == before + 1
    assert (run.status, run.done, run.total) == ("done", len(CASES), len(CASES))
    assert run.report == report.digest
    assert report.candidate.release_id == release.id
    assert {case.case_id for case in report.candidate.cases} == {case["id"] for case in CASES}
    history = await service.releases.history(release.id)
    assert history.evidence
    assert (history.evidence.report, history.evidence.verdict) == (run.report, run.verdict)
    assert history.state in ("evaluated", "live", "canary")


async def test_an_identical_release_passes_beside_the_live_one(service: State) -> None:
    live = await draft(service)
    same = await draft(service, retrieval__exact_chunks=2999)
    run, report = await evaluate(beside(service, live), same)
    assert report.baseline
    assert report.baseline.release_id == live.id
    assert run.total == 2 * len(CASES)
    assert [finding.reason for finding in report.judgement.findings if finding.verdict == "FAIL"] == []
    assert report.judgement.fallen == ()


async def test_a_release_that_refuses_too_much_fails_by_its_protected_case_and_shows_both_sides(
    house: House, service: State
) -> None:
    tower, span, *others = CASES
    house.suite([tower, {**span, "protected": True}, *others])
    live = await draft(service)
    worse = await draft(service, refusal__words=0.9, refusal__coverage=0.95)
    run, report = await evaluate(beside(service, live), worse)
    assert run.verdict == "FAIL"
    assert report.judgement.fallen == ("span",)
    told = {each.case_id: each for each in report.worsened}["span"]
    assert told.before
    assert "410 metres" in told.before.text
    assert told.after.refused
    evidence = (await service.releases.history(worse.id)).evidence
    assert evidence
    assert (evidence.verdict, evidence.report) == ("FAIL", report.digest)


async def test_a_run_of_some_suites_is_shown_but_is_no_evidence(house: House, service: State) -> None:
    house.suite([{**CASES[0], "id": "red"}], "red_team")
    release = await draft(service, retrieval__exact_chunks=2998)
    run, _ = await evaluate(alone(service), release, suite="red_team")
    assert run.verdict
    history = await service.releases.history(release.id)
    assert (history.state, history.evidence) == ("draft", None)


async def test_a_report_can_stand_in_for_the_live_release(service: State) -> None:
    _, before = await evaluate(alone(service), await draft(service))
    other = await draft(service, retrieval__exact_chunks=2997)
    run, report = await evaluate(service.evaluations, other, against=before.canonical)
    assert run.against == before.digest
    assert report.baseline == before.candidate
    with pytest.raises(ReportUnusable):
        await service.evaluations.start("ada", other.id, against=before.canonical.replace(b"tower", b"spire", 1))


async def test_an_interrupted_run_resumes(service: State) -> None:
    release = await draft(service, retrieval__exact_chunks=2996)
    dying, before = counting(service, dies_at=3)
    first = await alone(service).start("ada", release.id, queued=False)
    with pytest.raises(ConnectionError):
        await replace(dying, environments=alone(service).environments).execute(first.id)
    assert (await service.evaluations.find(first.id)).done == 3
    again, after = counting(service)
    again = replace(again, environments=alone(service).environments)
    second = await again.start("ada", release.id, queued=False)
    assert second.id == first.id
    ended = await again.execute(second.id)
    assert ended.done == len(CASES)
    assert len(before.asked) == 3
    assert len(after.asked) == len(CASES) - 3


async def test_two_workers_on_one_run_store_one_report(service: State) -> None:
    evaluations = alone(service)
    run = await evaluations.start("ada", (await draft(service, retrieval__exact_chunks=2995)).id, queued=False)
    ended = await asyncio.gather(evaluations.execute(run.id), evaluations.execute(run.id))
    assert ended[0] == ended[1]
    history = await service.releases.history(run.release_id)
    assert [event.after for event in history.events].count("evaluated") == 1


async def test_a_worker_runs_a_started_evaluation(service: State) -> None:
    run = await service.evaluations.start("ada", (await draft(service, retrieval__exact_chunks=2994)).id)
    assert run.status == "queued"
    await Worker(service.database, service.jobs, concurrency=1).run(wait=False)
    assert (await service.evaluations.find(run.id)).status == "done"


async def test_a_failed_run_has_a_reason(house: House, service: State) -> None:
    run = await service.evaluations.start("ada", (await draft(service, retrieval__exact_chunks=2993)).id)
    house.suite(CASES[:2])
    before = total("app_evaluations_total", verdict="FAILED")
    await Worker(service.database, service.jobs, concurrency=1).run(wait=False)
    assert total("app_evaluations_total", verdict="FAILED") > before
    found = await service.evaluations.find(run.id)
    assert (found.status, found.problem) == ("failed", "The files in evals/ have changed since the evaluation started.")
    with pytest.raises(EvaluationUnfinished, match="have changed"):
        await service.evaluations.report(run.id)


async def test_a_run_whose_workers_died_has_ended_and_is_in_the_way_of_no_other(service: State) -> None:
    release = await draft(service, retrieval__exact_chunks=2992)
    run = await service.evaluations.start("ada", release.id)
    [spec] = [each for each in service.jobs if each.name == JOB]
    assert spec.dead
    await spec.dead(run_id=str(run.id), reason="The worker died in every attempt.")
    found = await service.evaluations.find(run.id)
    assert (found.status, found.problem) == ("failed", "The worker died in every attempt.")
    assert (await service.evaluations.start("ada", release.id)).id != run.id


async def test_a_release_whose_prompt_contains_an_answer_is_not_evaluated(house: House, service: State) -> None:
    house.suite([{**CASES[0], "answer": "Say nothing that no passage supports."}])
    with pytest.raises(CaseLeaked, match=r"prompts/answer\.md contains the answer of case 'tower'"):
        await service.evaluations.start("ada", (await draft(service)).id)


async def test_an_unknown_suite_release_or_run_is_named(service: State) -> None:
    release = await draft(service)
    with pytest.raises(SuiteNotFound, match="Suites: all, golden"):
        await service.evaluations.start("ada", release.id, suite="silver")
    with pytest.raises(ReleaseNotFound):
        await service.evaluations.start("ada", "999999")
    with pytest.raises(EvaluationNotFound):
        await service.evaluations.find(new_id())


async def test_evaluations_are_listed_newest_first_page_by_page(service: State) -> None:
    release = await draft(service, retrieval__exact_chunks=2992)
    runs = [(await evaluate(alone(service), release))[0].id for _ in range(3)]
    first = await service.evaluations.list(limit=2, release_id=release.id)
    rest = await service.evaluations.list(limit=2, after=first[-1].id, release_id=release.id)
    assert [run.id for run in (*first, *rest)] == runs[::-1]


@pytest.mark.parametrize("change", ["update evaluation_reports set content = ''", "delete from evaluation_reports"])
async def test_a_report_is_never_changed_not_even_by_the_owner_of_the_tables(service: State, change: str) -> None:
    await evaluate(alone(service), await draft(service))
    with pytest.raises(DBAPIError):
        async with service.database.transaction(None) as connection:
            await connection.execute(text(change))
    with psycopg.connect(service.urls.owner) as owner, pytest.raises(psycopg.errors.RestrictViolation):
        owner.execute(change.encode())


async def test_the_database_takes_no_report_under_another_digest(service: State) -> None:
    with pytest.raises(DBAPIError, match="ck_evaluation_reports_digest_fits"):
        async with service.database.transaction(None) as connection:
            insert = "insert into evaluation_reports values (repeat('a', 64), 'x', now())"
            await connection.execute(text(insert))
