"""Answers in the client's own JSON format, with one try to repair a reply that is not in it."""

from collections.abc import Sequence

from app.core.clock import Deadline
from app.costs.domain import Usage
from app.inference.domain.answer_format import AnswerFormat, ObjectInvalid
from app.inference.domain.draft import NO_USAGE
from app.inference.domain.structured_draft import REPAIR, ObjectChecks, says_no_answer
from app.inference.domain.tool_calls import ToolResult
from app.inference.service.context import AnswerContext
from app.llm.domain.messages import ChatRequest, Message
from app.llm.service import AllModelsFailed, FallbackChain, FallbackResult
from app.retrieval.domain import Evidence


def object_checks(
    ctx: AnswerContext, form: AnswerFormat, evidence: Evidence, prompt: str, results: Sequence[ToolResult]
) -> ObjectChecks:
    """prompt: the name of the one that the model was given. results: of tools, which can support a value."""
    output = ctx.loaded.output_filter
    known = [*(each.text for each in evidence.passages), *(each.text for each in results)]
    sentences = output.sentences(ctx.release.prompt(prompt).text, known, ctx.canary)
    return ObjectChecks(form, evidence, results, ctx.loaded.risk_tier, output, sentences)


async def repaired(
    ctx: AnswerContext,
    form: AnswerFormat,
    result: FallbackResult,
    request: ChatRequest,
    chain: FallbackChain,
    deadline: Deadline,
) -> tuple[FallbackResult, Usage]:
    """The result, or that of a second call where the first reply is not in the format; and the usage of the first.

    Both calls are charged. Errors: none; where the second call fails too, the first result stands.
    """
    completion = result.completion
    try:
        if not says_no_answer(completion.text):
            form.parse(completion.text)
        return result, NO_USAGE
    except ObjectInvalid as why:
        again = request.then(Message("assistant", completion.text), Message("user", REPAIR.format(why=str(why))))
    first = (result.model, ctx.meter.billable_usage(result.model, completion.end.usage, completion.end.estimated))
    ctx.meter.unbilled.append(first)
    ctx.meter.estimate_cost(again)
    try:
        second = await chain.complete(again, deadline, ctx.meter)
    except AllModelsFailed:
        ctx.meter.unbilled.remove(first)
        return result, NO_USAGE
    return second, completion.end.usage
