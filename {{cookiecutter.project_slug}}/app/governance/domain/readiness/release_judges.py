"""Judges of releases, their evaluation, staging and rollback."""

import re
from collections.abc import Callable

from app.governance.domain.readiness.facts import LiveReleaseState, RolloutFacts, SuiteFacts
from app.governance.domain.readiness.vocabulary import CheckEvidence, JudgeContext, green_if

LIVE = "the live release"
MOVES = "the moves of staging"
FLOATING = re.compile(r"(?i)(?:^|[-_:/])(?:latest|current|default)$")
"""Names of models whose provider may change what stands behind them."""

LiveJudge = Callable[[LiveReleaseState, JudgeContext], CheckEvidence]


def of_live(judge: LiveJudge) -> Callable[[RolloutFacts, JudgeContext], CheckEvidence]:
    """A judge that is red while nothing is live."""

    def judge_rollouts(facts: RolloutFacts, context: JudgeContext) -> CheckEvidence:
        if facts.live is None:
            return CheckEvidence("red", "Nothing is live.", LIVE, None)
        return judge(facts.live, context)

    return judge_rollouts


@of_live
def live_release(live: LiveReleaseState, _: JudgeContext) -> CheckEvidence:
    found = f"Release {live.number} is live since {live.live_since:%Y-%m-%d}; its parts match their digests."
    return CheckEvidence("green", found, LIVE, live.id)


@of_live
def files_released(live: LiveReleaseState, _: JudgeContext) -> CheckEvidence:
    found = f"Files and settings are those of release {live.number}."
    if live.differs:
        found = f"Files or settings differ from release {live.number}: {', '.join(live.differs)}."
    return green_if(not live.differs, found, "files, settings and the live release", [live.id, *live.differs])


@of_live
def models_pinned(live: LiveReleaseState, _: JudgeContext) -> CheckEvidence:
    floating = [model for model in live.models if FLOATING.search(model)]
    found = f"Models: {', '.join(live.models)}."
    if floating:
        found = f"A provider may exchange these without a release: {', '.join(floating)}."
    return green_if(not floating, found, "the models of the live release", live.models)


@of_live
def index_serves(live: LiveReleaseState, _: JudgeContext) -> CheckEvidence:
    found = f"The live index is that of release {live.number}, with its embedder."
    if not live.index_serves:
        found = f"The index or its embedder is not that of release {live.number}."
    return green_if(live.index_serves, found, "the index registry and the live release", live.index)


@of_live
def live_evaluation(live: LiveReleaseState, _: JudgeContext) -> CheckEvidence:
    if live.verdict is None:
        return CheckEvidence("red", f"Release {live.number} was never evaluated.", LIVE, live.id)
    found = f"Release {live.number}: {live.verdict}, report {(live.report or '')[:12]}."
    return green_if(live.verdict == "PASS", found, "the evaluation of the live release", live.report, live.evaluated_at)


@of_live
def staged_before(live: LiveReleaseState, _: JudgeContext) -> CheckEvidence:
    found = f"Release {live.number} was not on staging before it went live."
    if live.staged_at:
        found = f"Release {live.number} was on staging on {live.staged_at:%Y-%m-%d}, before it went live."
    return green_if(live.staged_at is not None, found, MOVES, [live.id, live.staged_at])


@of_live
def approved_by_others(live: LiveReleaseState, _: JudgeContext) -> CheckEvidence:
    """Somebody approved the live release, and nothing of its approval is missing."""
    basis = [live.id, live.approvers, live.author, live.lacking]
    if live.lacking:
        return CheckEvidence("red", f"Release {live.number}: {live.lacking}", "approvals of the live release", basis)
    found = f"Release {live.number} by {live.author} was approved by {', '.join(live.approvers) or 'nobody'}."
    return green_if(bool(live.approvers), found, "approvals of the live release", basis)


def emergencies(facts: RolloutFacts, _: JudgeContext) -> CheckEvidence:
    overdue = facts.overdue_emergencies
    found = f"{overdue} activations without approval are overdue for review." if overdue else "No review is overdue."
    return green_if(overdue == 0, found, "activations without approval", overdue)


def staging_used(facts: RolloutFacts, _: JudgeContext) -> CheckEvidence:
    at = facts.staging_moved_at
    found = f"Staging was last changed on {at:%Y-%m-%d}." if at else "Nothing was ever on staging."
    return green_if(at is not None, found, MOVES, at, at)


def rehearsed(facts: RolloutFacts, context: JudgeContext) -> CheckEvidence:
    """A rollback was rehearsed, and took no longer than the limit."""
    at, seconds, limit = facts.rehearsed_at, facts.rehearsal_seconds, context.limits["rollback_seconds"]
    if at is None:
        return CheckEvidence("red", "A rollback was never rehearsed.", MOVES, None)
    took = f" and took {seconds:.2f} s; at most {limit} s" if seconds is not None else ""
    found = f"A rollback was rehearsed on {at:%Y-%m-%d}{took}."
    return green_if(seconds is None or seconds <= limit, found, MOVES, [at, seconds], at)


def rollback_target(facts: RolloutFacts, _: JudgeContext) -> CheckEvidence:
    found = (
        f"A rollback goes to release {facts.earlier[:12]}." if facts.earlier else "There is no release to go back to."
    )
    return green_if(facts.earlier is not None, found, "the moves of production", facts.earlier)


def golden_suite(facts: SuiteFacts, context: JudgeContext) -> CheckEvidence:
    return _enough(facts.golden, context.limits["golden_cases"], "golden cases", facts.digest)


def red_team_suite(facts: SuiteFacts, context: JudgeContext) -> CheckEvidence:
    return _enough(facts.red_team, context.limits["red_team_cases"], "cases of attacks", facts.digest)


def own_cases(facts: SuiteFacts, context: JudgeContext) -> CheckEvidence:
    what = "golden cases about documents of your own"
    return _enough(facts.own, context.limits["own_cases"], what, facts.digest)


def _enough(count: int, least: int, what: str, digest: str) -> CheckEvidence:
    return green_if(count >= least, f"{count} {what}; at least {least}.", "the suites of evals/", [count, digest])
