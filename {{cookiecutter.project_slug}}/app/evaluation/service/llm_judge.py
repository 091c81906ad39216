"""A model that reads answers and says whether they are good, believed only while it agrees with people."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from app.core.clock import Clock, Deadline
from app.core.database import Database
from app.costs.domain import Usage
from app.costs.domain.budgets import Hold, Settlement
from app.costs.service import Costs
from app.evaluation import repository
from app.evaluation.domain.calibration import calibrate
from app.evaluation.domain.cases import TENANT
from app.evaluation.domain.judge_prompt import JudgedAnswer, parse_labels, read_word, to_judge, version_of
from app.evaluation.domain.policy import JudgeRule
from app.evaluation.service.case_runner import CaseResult
from app.evaluation.service.suite_files import SuiteFiles
from app.identity.service import Identity
from app.llm.domain.errors import ModelFailure
from app.llm.domain.messages import ChatRequest, Message, max_usage
from app.llm.ports import ChatModel

SECONDS = 60.0
MOST_TOKENS = 16


@dataclass(frozen=True)
class JudgeScores:
    """by_case: 1 for a good answer and 0 for a bad one; empty when the judge is not believed, and `note` says why."""

    by_case: Mapping[str, float]
    note: str


@dataclass(frozen=True)
class LLMJudge:
    """model: None when the process holds none of the name that the policy gives."""

    database: Database
    clock: Clock
    costs: Costs
    identity: Identity
    suites: SuiteFiles
    rule: JudgeRule
    model: ChatModel | None

    async def opinions(self, run_id: UUID, *sides: Mapping[str, CaseResult]) -> list[JudgeScores] | None:
        """On each side; None when nobody is to judge. An answer that was judged before is not judged again.

        Errors: SuiteRefused, ModelFailure.
        """
        if self.rule.model is None:
            return None
        if self.model is None:
            why = f"The judge {self.rule.model} was not used: APP_MODEL_CHAIN names no such model."
            return [JudgeScores({}, why) for _ in sides]
        prompt = self.suites.text("judge.md")
        judge = version_of(self.model.name, prompt)
        people = parse_labels(self.suites.text("judge_labels.jsonl", missing=""))
        tenant = await self.identity.ensure_tenant(TENANT)
        said = [await self._word(self.model, run_id, tenant, judge, prompt, each.answered) for each in people]
        found = calibrate([label.good for label in people], said, self.rule)
        note = f"The judge {judge} was {'' if found.believed else 'not '}used: {found.reason}."
        if not found.believed:
            return [JudgeScores({}, note) for _ in sides]
        return [JudgeScores(await self._side(self.model, run_id, judge, prompt, side), note) for side in sides]

    async def _side(
        self, model: ChatModel, run_id: UUID, judge: str, prompt: str, side: Mapping[str, CaseResult]
    ) -> dict[str, float]:
        found: dict[str, float] = {}
        for name, (case, seen) in side.items():
            if answered := to_judge(case, seen):
                tenant = await self.identity.tenant(case.tenant)
                word = await self._word(model, run_id, tenant, judge, prompt, answered)
                if word is not None:
                    found[name] = float(word)
        return found

    async def _word(
        self, model: ChatModel, run_id: UUID, tenant: UUID, judge: str, prompt: str, answered: JudgedAnswer
    ) -> bool | None:
        async with self.database.read(tenant) as connection:
            known = await repository.opinion(connection, judge, answered.digest)
        if known:
            return known[0]
        request = ChatRequest((Message("system", prompt), Message("user", answered.shown)), MOST_TOKENS)
        bound = max_usage(request)
        hold = await self.costs.budgets.hold(tenant, self.costs.max_cost(model.name, bound))
        try:
            completion = await model.complete(request, Deadline.after(SECONDS, self.clock))
        except BaseException as error:
            spent = Usage(0) if isinstance(error, Exception) else bound
            if isinstance(error, ModelFailure):
                spent = error.usage or (bound if error.may_be_charged else spent)
            if hold:
                await asyncio.shield(self._charge(hold, tenant, model.name, spent, run_id))
            raise
        usage = bound if hold and completion.end.estimated else completion.end.usage
        await asyncio.shield(self._charge(hold, tenant, model.name, usage, run_id))
        word = read_word(completion.text)
        async with self.database.transaction(tenant) as connection:
            await repository.keep_opinion(connection, tenant, judge, answered.digest, word, self.clock.now())
        return word

    async def _charge(self, hold: Hold | None, tenant: UUID, model: str, usage: Usage, run_id: UUID) -> None:
        row = self.costs.row(tenant, "judging", model, usage, subject_id=run_id)
        paid = Settlement((hold,) if hold else (), row.charge.micro_usd)
        await self.costs.abandon(tenant, None, [row], paid)
