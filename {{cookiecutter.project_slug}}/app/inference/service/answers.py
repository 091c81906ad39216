from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.core import genai
from app.core.brownout import Brownout
from app.core.errors import Problem
from app.core.telemetry import gauge, spanned
from app.identity.domain import Principal
from app.inference.domain.answer import Answer, Question, TooManyAnswers
from app.inference.domain.conversations.conversation import check_id
from app.inference.domain.conversations.turns import Turn
from app.inference.domain.draft import DraftOutcome
from app.inference.domain.human_review import HeldAnswer
from app.inference.domain.release_assignment import ReleaseAssignment
from app.inference.service.context import AnswerContext
from app.inference.service.delivery import Delivery, IdempotentReply, Reply, StreamStart
from app.inference.service.loaded_release import AssignedRelease, LoadedReleases
from app.inference.service.pipeline import Pipeline
from app.releases.domain import PRODUCTION, STAGING
from app.releases.service import Environments

ACTIVE = gauge("app_answers_active", "Answers in progress")


@dataclass
class _InProgress:
    count: int = 0


@dataclass(frozen=True)
class Answers:
    """Question to answer, on the release that the caller is assigned to.

    max_concurrent: answers in progress at once; more are rejected. brownout: what answers do without under overload.
    """

    environments: Environments
    loaded_releases: LoadedReleases
    pipeline: Pipeline
    delivery: Delivery
    max_concurrent: int
    brownout: Brownout = field(default_factory=Brownout)
    _in_progress: _InProgress = field(default_factory=_InProgress)

    async def assign(
        self, caller: Principal, environment: str | None = None, conversation: str | None = None
    ) -> AssignedRelease:
        """The release that answers this caller.

        environment: None is production; staging needs a permission. Errors: PermissionMissing, EnvironmentNotFound,
        NoLiveRelease, ReleaseNotLoaded, ConversationInvalid, DatabaseUnavailable.
        """
        if environment == STAGING:
            caller.require("staging:use")
            release, _ = self.environments.assign(STAGING, "")
            return AssignedRelease(self.loaded_releases.of(release), ReleaseAssignment(release.id, STAGING))
        if not self.environments.live_releases.by_name:
            await self.environments.resolve()
        if conversation is not None:
            check_id(conversation)
        unit = f"{caller.tenant_id}:{conversation}" if conversation else str(caller.tenant_id)
        release, arm = self.environments.assign(None, unit)
        assignment = ReleaseAssignment(release.id, PRODUCTION, arm, unit)
        return AssignedRelease(self.loaded_releases.of(release), assignment)

    async def answer(
        self,
        caller: Principal,
        question: Question,
        idempotent: IdempotentReply | None = None,
        assigned: AssignedRelease | None = None,
    ) -> Reply:
        """A cited answer or a refusal, stored and charged; or a held answer, where the review policy holds it.

        Errors: QuestionRefused, ModelNotFound, TooManyAnswers, BudgetUsedUp, OutOfTime, DatabaseUnavailable,
        ClaimSuperseded, ErasedMeanwhile.
        """
        assigned = assigned or await self.assign(caller)
        with self._admitted(), self._recording_failures(caller, assigned), genai.workflow():
            read_at = await self._read_at(question)
            ctx = self.pipeline.start(caller, question, assigned, read_at, brownout=self.brownout.step)
            with self.delivery.charging_abandoned(ctx):
                ctx = await self.pipeline.contextualize(ctx)
                evidence = await self.pipeline.retrieve(ctx)
                outcome = await self.pipeline.generation.generate(ctx, evidence)
                return await self.delivery.deliver(ctx, evidence, outcome, idempotent)

    async def stream(
        self,
        caller: Principal,
        question: Question,
        idempotent: IdempotentReply | None = None,
        assigned: AssignedRelease | None = None,
    ) -> AsyncGenerator[StreamStart | str | Reply, None]:
        """A StreamStart, pieces of text, then the whole Answer, whose text the pieces are; or only a held answer.

        Each sentence is sent once it is checked; all of them at once where the risk tier is high or a review rule might
        hold the answer. A reader who disconnects ends the call of a model that costs nothing; the stream of another is
        read on for the usage that the provider charges. Where a refusal replaces a text that was sent in part, it
        follows in a paragraph of its own, and the Answer holds only the refusal.

        Errors: as `answer` before the first piece; after it StreamEnded, and nothing but the usage is stored.
        """
        assigned = assigned or await self.assign(caller)
        pieces = self._stream(caller, question, idempotent, assigned)
        with self._admitted(), self._recording_failures(caller, assigned):
            async with aclosing(spanned(genai.start_workflow(), pieces)) as items:
                async for item in items:
                    yield item

    async def _stream(
        self, caller: Principal, question: Question, idempotent: IdempotentReply | None, assigned: AssignedRelease
    ) -> AsyncGenerator[StreamStart | str | Reply, None]:
        pipeline = self.pipeline
        read_at = await self._read_at(question)
        ctx = pipeline.start(caller, question, assigned, read_at, streamed=True, brownout=self.brownout.step)
        sent = ""
        with self.delivery.charging_abandoned(ctx):
            ctx = await pipeline.contextualize(ctx)
            evidence = await pipeline.retrieve(ctx)
            outcome: DraftOutcome | None = None
            if ctx.tool_session is not None or ctx.question.options.format is not None or _sent_as_whole(ctx):
                outcome = await pipeline.generation.generate(ctx, evidence)
            else:
                async with aclosing(pipeline.generation.stream(ctx, evidence)) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, DraftOutcome):
                            outcome = piece
                            continue
                        if not sent:
                            ctx.timer.first_text()
                            yield StreamStart(ctx.id, ctx.created_at, piece.model)
                        sent += piece.text
                        yield piece.text
            if outcome is None:
                raise RuntimeError("The stream had no outcome.")
            reply = await self.delivery.deliver(ctx, evidence, outcome, idempotent)
        if not sent:
            yield StreamStart(ctx.id, ctx.created_at, "held" if isinstance(reply, HeldAnswer) else reply.model)
        if isinstance(reply, Answer) and (remaining := _remaining_text(reply, sent)):
            if not sent:
                ctx.timer.first_text()
            yield remaining
        yield reply

    def check(self, assigned: AssignedRelease, question: Question) -> None:
        """Errors: QuestionTooLong, ModelNotFound, WebhookRefused."""
        self.pipeline.check(assigned.loaded, question)

    async def turns_of(self, caller: Principal, answers: Sequence[UUID]) -> tuple[Turn, ...]:
        """Those of these answers that the caller may read now, as the turns before a question."""
        turns = await self.pipeline.contextualization.conversations.turns_of(caller, answers)
        return tuple(turns[each] for each in answers if each in turns)

    def action_names(self, assigned: AssignedRelease) -> frozenset[str]:
        """The actions that a release offers."""
        catalogue = self.pipeline.generation.tool_calling.actions.catalogue
        return frozenset(offer.name for offer in catalogue.offered(assigned.loaded.actions))

    def models(self, assigned: AssignedRelease) -> tuple[str, ...]:
        """The models a caller may name, in the order of the fallback."""
        return self.pipeline.models(assigned.loaded)

    async def close(self) -> None:
        """Waits for writes in progress."""
        await self.delivery.close()

    async def _read_at(self, question: Question) -> datetime:
        return question.read_at or await self.delivery.database.earliest_now()

    @contextmanager
    def _admitted(self) -> Iterator[None]:
        if self._in_progress.count >= self.max_concurrent:
            raise TooManyAnswers(retry_after=1)
        self._in_progress.count += 1
        ACTIVE.set(self._in_progress.count)
        try:
            yield
        finally:
            self._in_progress.count -= 1
            ACTIVE.set(self._in_progress.count)

    @contextmanager
    def _recording_failures(self, caller: Principal, assigned: AssignedRelease) -> Iterator[None]:
        """Failed answers are recorded: a canary is judged by them, and the error budget counts them."""
        try:
            yield
        except Exception as error:
            code = error.code if isinstance(error, Problem) else "internal_error"
            if not isinstance(error, Problem) or error.status >= 500:
                self.delivery.record_failure(caller, assigned.assignment, code)
            raise


def _sent_as_whole(ctx: AnswerContext) -> bool:
    """Whether no text may be sent before all of it is checked, or reviewed."""
    loaded = ctx.loaded
    if loaded.risk_tier == "high" or loaded.security.output.decides_on_the_whole:
        return True
    held = loaded.review.may_hold(loaded.risk_tier, ctx.caller.tenant_id)
    return held or loaded.security.wants_review(ctx.question.findings)


def _remaining_text(answer: Answer, sent: str) -> str:
    """The part of the answer's text that has not been sent yet."""
    return answer.text.removeprefix(sent) if answer.text.startswith(sent) else f"\n\n{answer.text}"
