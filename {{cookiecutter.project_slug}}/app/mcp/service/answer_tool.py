"""Answers over MCP: the same service as POST /v1/answers, with the same checks, charges and records."""

from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson

from app.core.errors import Problem
from app.core.problems import encoded
from app.idempotency.domain import Claim, StoredResponse
from app.idempotency.service import IdempotencyKeys
from app.inference.domain.answer import Question
from app.inference.service import Answers, IdempotentReply
from app.inference.service.delivery import Reply, as_json
from app.inference.service.loaded_release import AssignedRelease
from app.mcp.domain.quotation import cut, new_mark, opening, quoted
from app.mcp.domain.tools import ToolDefinition, ToolEffects, ToolInvocation, ToolOutput, problem_fields, schema_of
from app.mcp.schemas import AnswerToolRequest, AnswerToolResponse, ToolCitationResponse
from app.mcp.service.arguments import parse

ROUTE = "/mcp answer"
"""Under which idempotency keys of this tool are stored: they are apart from those of other routes."""
MAX_QUOTE_BYTES = 300


@dataclass(frozen=True)
class AnswerTool:
    answers: Answers
    keys: IdempotencyKeys

    name: ClassVar[str] = "answer"
    permission: ClassVar[str] = "answers:write"
    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name,
        "Answer a question",
        "Answers a question from the documents, with citations, or says that they do not answer it. "
        "held: a person reviews the answer first; where says where it will be.",
        schema_of(AnswerToolRequest),
        schema_of(AnswerToolResponse),
        ToolEffects(read_only=True, destructive=False, idempotent=False, open_world=False),
    )

    async def call(self, invocation: ToolInvocation) -> ToolOutput:
        request = parse(AnswerToolRequest, invocation.arguments)
        question = Question(request.question, passages=request.passages, max_tokens=request.max_tokens)
        assigned = await self.answers.assign(invocation.caller, invocation.environment)
        self.answers.check(assigned, question)
        if request.idempotency_key is None:
            return _output(as_json(await self._ask(invocation, question, assigned, None)))
        body = request.model_dump(mode="json")
        if invocation.environment is not None:
            body["x-environment"] = invocation.environment
        seconds = assigned.loaded.deadline_seconds
        claimed = await self.keys.claim(invocation.caller, ROUTE, request.idempotency_key, body, seconds)
        if isinstance(claimed, StoredResponse):
            return _output(claimed.body)
        return await self._ask_once(invocation, question, assigned, claimed)

    async def _ask_once(
        self, invocation: ToolInvocation, question: Question, assigned: AssignedRelease, claim: Claim
    ) -> ToolOutput:
        try:
            return _output(as_json(await self._ask(invocation, question, assigned, IdempotentReply(claim))))
        except Problem as problem:
            await self.keys.fail(claim, problem, encoded(problem))
            raise
        except Exception:
            await self.keys.fail(claim, None, encoded(Problem()))
            raise

    async def _ask(
        self,
        invocation: ToolInvocation,
        question: Question,
        assigned: AssignedRelease,
        idempotent: IdempotentReply | None,
    ) -> Reply:
        if invocation.report is None:
            return await self.answers.answer(invocation.caller, question, idempotent, assigned)
        reply, sent = None, 0
        async with aclosing(self.answers.stream(invocation.caller, question, idempotent, assigned)) as pieces:
            async for piece in pieces:
                if isinstance(piece, str):
                    sent += len(piece)
                    await invocation.report(sent, piece)
                elif isinstance(piece, Reply):
                    reply = piece
        if reply is None:
            raise RuntimeError("The stream had no reply.")
        return reply


def _output(body: bytes) -> ToolOutput:
    """Of a reply as it is stored, or of the problem that was stored in its place."""
    reply: dict[str, Any] = orjson.loads(body)
    if "code" in reply and "status" in reply and isinstance(reply["status"], int):
        fields = problem_fields(reply)
        return ToolOutput(fields, "\n".join(map(str, fields.values())), failed=True)
    result = AnswerToolResponse(
        answer_id=reply["id"],
        status=reply["status"],
        text=reply.get("text"),
        citations=[_citation(each) for each in reply.get("citations", ())],
        degraded=reply.get("degraded", False),
        reasons=reply.get("reasons", []),
        warnings=[f"{each['name']}: {each['message']}" for each in reply.get("warnings", ())],
        where=reply.get("where", f"/v1/answers/{reply['id']}"),
        due_at=reply.get("due_at"),
    )
    return ToolOutput(result.model_dump(mode="json"), _text(result))


def _citation(citation: dict[str, Any]) -> ToolCitationResponse:
    fields = {name: citation[name] for name in ToolCitationResponse.model_fields}
    return ToolCitationResponse(**{**fields, "quote": cut(citation["quote"], MAX_QUOTE_BYTES)})


def _text(result: AnswerToolResponse) -> str:
    if result.text is None:
        return f"The answer waits for a person, at the latest until {result.due_at}. It will be at {result.where}."
    lines = [result.text]
    if result.citations:
        mark = new_mark()
        lines.append(opening(mark))
    for each in result.citations:
        about = f'n="{each.marker}" id="{each.document_id}" version="{each.version}"'
        lines.append(quoted(each.title, each.quote, mark, about))
    lines += [f"Note: {each}" for each in (*result.reasons, *result.warnings)]
    return "\n".join([*lines, f"Answer {result.answer_id}, {result.status}."])
