"""Actions that a program of the caller proposes by itself, without a question to this service."""

from dataclasses import dataclass
from uuid import UUID

from app.actions.domain import ActionOffer, ProposalRefused, StoredAction
from app.core.database import Database
from app.core.ids import new_id
from app.identity.domain import Principal
from app.inference.domain.answer import ScreenedQuestion
from app.inference.domain.tool_calls import ToolResult, ToolSession
from app.inference.service.answers import Answers
from app.inference.service.loaded_release import LoadedRelease
from app.inference.service.tool_calling import ToolCalling
from app.llm.domain.messages import ToolCall
from app.releases.domain import Release


@dataclass(frozen=True)
class ClientContext:
    """A proposal that belongs to no answer. id: stands in the place of the answer's."""

    id: UUID
    caller: Principal
    loaded: LoadedRelease
    question: ScreenedQuestion

    @property
    def question_text(self) -> str:
        return self.question.text

    @property
    def release(self) -> Release:
        return self.loaded.release


@dataclass(frozen=True)
class ClientActions:
    """As a model's tool calls, with the same checks, limits, rules of review and records. What the client had read is
    unknown: whatever does more than read waits for a person.
    """

    database: Database
    answers: Answers

    @property
    def _calling(self) -> ToolCalling:
        return self.answers.pipeline.generation.tool_calling

    async def offers(self, caller: Principal, environment: str | None = None) -> tuple[ActionOffer, ...]:
        assigned = await self.answers.assign(caller, environment)
        return self._calling.actions.catalogue.for_clients(assigned.loaded.actions, caller)

    async def propose(
        self, caller: Principal, name: str, arguments: str, environment: str | None = None
    ) -> tuple[StoredAction, ToolResult] | ProposalRefused:
        """The stored action, and its result as a model may read it.

        Errors: ActionNotOffered, PermissionMissing, and those of a temporary failure of a read.
        """
        assigned = await self.answers.assign(caller, environment)
        calling, loaded = self._calling, assigned.loaded
        offers = calling.actions.catalogue.select(loaded.actions, caller, [name])
        ctx = ClientContext(new_id(), caller, loaded, ScreenedQuestion(""))
        session = ToolSession(offers, tainted=True, author="client")
        call = ToolCall(str(ctx.id), name, arguments)
        outcome = await calling.propose(ctx, session, call, tainted=True)
        result = calling.screen(ctx, session, name, ToolResult.of(outcome))
        if isinstance(outcome, ProposalRefused):
            return outcome
        async with self.database.transaction(caller.tenant_id) as connection:
            await calling.actions.proposals.store(connection, [outcome])
        return await calling.actions.proposals.show(caller, outcome.proposal.id), result
