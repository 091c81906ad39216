"""What is noted of an answer in the log line of its request and in its trace: never a text."""

from app.core.http import note_in_log
from app.core.telemetry import annotate, annotate_root, recording
from app.core.tenant_hash import tenant_hash
from app.inference.domain.answer import Answer
from app.inference.domain.human_review import ReviewRequest
from app.inference.service.context import AnswerContext

MAX_RULES = 20
AnswerFacts = dict[str, str | int | bool | list[str]]


def note_answer(ctx: AnswerContext, answer: Answer, review: ReviewRequest | None) -> None:
    """Notes who asked, what answered, what it cost, and where else it is found: in the log line and on the root span.
    The span of the answer has how long each step took.
    """
    assignment = ctx.assigned.assignment
    facts: AnswerFacts = {
        "answer_id": str(answer.id),
        "release_id": answer.release_id,
        "environment": assignment.environment,
        "arm": assignment.arm,
        "tenant_hash": tenant_hash(ctx.caller.tenant_id),
        "answer_status": answer.refusal or answer.status,
        "model": answer.model,
        "degraded": answer.degraded,
        "cost_micro_usd": answer.cost_micro_usd,
        "findings": sorted({finding.rule for finding in answer.findings})[:MAX_RULES],
    }
    if review:
        facts["review_id"] = str(review.id)
    note_in_log(facts)
    if recording():
        annotate_root({f"app.{name}": value for name, value in facts.items()} | {"app.key_id": str(ctx.caller.key_id)})
        annotate(**{f"app.step_ms.{step}": spent for step, spent in ctx.timer.total().items()})
