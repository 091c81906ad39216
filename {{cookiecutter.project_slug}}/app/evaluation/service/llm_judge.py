"""LLM as a judge: a model says whether answers are good. Its scores count only while it agrees with people."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from app.core.clock import Clock, Deadline
from app.core.database import Database
from app.costs.domain import Usage
from app.costs.domain.budgets import Hold, Settlement
from app.costs.domain.ledger_rows import Feature
from app.costs.service import Costs
from app.evaluation import repository
from app.evaluation.domain.calibration import calibrate
from app.evaluation.domain.cases import TENANT
from app.evaluation.domain.judge_prompt import JudgedAnswer, parse_labels, parse_verdict, to_judge, version_of
from app.evaluation.domain.policy import JudgeRule
from app.evaluation.service.case_runner import CaseResult
from app.evaluation.service.suite_files import SuiteFiles
from app.identity.service import Identity
from app.llm.domain.errors import ModelFailure
from app.llm.domain.messages import ChatRequest, Completion, Message, max_usage
from app.llm.ports import ChatModel

TIMEOUT_SECONDS = 60.0
MAX_TOKENS = 16


@dataclass(frozen=True)
class JudgeScores:
    """by_case: 1 for a good answer and 0 for a bad one; empty while the judge is not trusted. note: whether and why."""

    by_case: Mapping[str, float]
    note: str


@dataclass(frozen=True)
class LLMJudge:
    """model: None when the process is configured with no model of the name in the policy. feature: what its calls are
    charged as.
    """

    database: Database
    clock: Clock
    costs: Costs
    identity: Identity
    suites: SuiteFiles
    rule: JudgeRule
    model: ChatModel | None
    feature: Feature = "judging"

    async def scores(self, run_id: UUID, *sides: Mapping[str, CaseResult]) -> list[JudgeScores] | None:
        """The scores of each side; None when the policy names no judge. Stored verdicts are used again.

        Errors: SuiteRefused, ModelFailure.
        """
        if self.rule.model is None:
            return None
        if self.model is None:
            note = f"The judge {self.rule.model} was not used: APP_MODEL_CHAIN names no such model."
            return [JudgeScores({}, note) for _ in sides]
        prompt = self.suites.text("judge.md")
        judge = version_of(self.model.name, prompt)
        labels = parse_labels(self.suites.text("judge_labels.jsonl", missing=""))
        tenant = await self.identity.ensure_tenant(TENANT)
        verdicts = [await self._judge(self.model, run_id, tenant, judge, prompt, each.judged_answer) for each in labels]
        calibration = calibrate([label.good for label in labels], verdicts, self.rule)
        note = f"The judge {judge} was {'' if calibration.trusted else 'not '}used: {calibration.reason}."
        if not calibration.trusted:
            return [JudgeScores({}, note) for _ in sides]
        return [JudgeScores(await self._judge_side(self.model, run_id, judge, prompt, side), note) for side in sides]

    async def _judge_side(
        self, model: ChatModel, run_id: UUID, judge: str, prompt: str, side: Mapping[str, CaseResult]
    ) -> dict[str, float]:
        scores: dict[str, float] = {}
        for case_id, (case, observation) in side.items():
            if answer := to_judge(case, observation):
                tenant = await self.identity.tenant(case.tenant)
                good = await self._judge(model, run_id, tenant, judge, prompt, answer)
                if good is not None:
                    scores[case_id] = float(good)
        return scores

    async def _judge(
        self, model: ChatModel, run_id: UUID, tenant: UUID, judge: str, prompt: str, answer: JudgedAnswer
    ) -> bool | None:
        """Whether the answer is good; None when the model's reply is neither. Stored under the judge's version."""
        async with self.database.read(tenant) as connection:
            stored = await repository.find_judge_verdict(connection, judge, answer.digest)
        if stored:
            return stored[0]
        completion = await self._complete(model, run_id, tenant, prompt, answer)
        good = parse_verdict(completion.text)
        async with self.database.transaction(tenant) as connection:
            await repository.add_judge_verdict(connection, tenant, judge, answer.digest, good, self.clock.now())
        return good

    async def _complete(
        self, model: ChatModel, run_id: UUID, tenant: UUID, prompt: str, answer: JudgedAnswer
    ) -> Completion:
        """Reserves the highest cost before the call and charges the usage after it, also when the call fails."""
        request = ChatRequest((Message("system", prompt), Message("user", answer.prompt)), MAX_TOKENS)
        max_charge = max_usage(request)
        hold = await self.costs.reservations.hold(tenant, self.costs.max_cost(model.name, max_charge))
        try:
            completion = await model.complete(request, Deadline.after(TIMEOUT_SECONDS, self.clock))
        except BaseException as error:
            used = Usage(0) if isinstance(error, Exception) else max_charge
            if isinstance(error, ModelFailure):
                used = error.usage or (max_charge if error.may_be_charged else used)
            if hold:
                await asyncio.shield(self._charge(hold, tenant, model.name, used, run_id))
            raise
        usage = max_charge if hold and completion.end.estimated else completion.end.usage
        await asyncio.shield(self._charge(hold, tenant, model.name, usage, run_id))
        return completion

    async def _charge(self, hold: Hold | None, tenant: UUID, model: str, usage: Usage, run_id: UUID) -> None:
        row = self.costs.row(tenant, self.feature, model, usage, subject_id=run_id)
        paid = Settlement((hold,) if hold else (), row.charge.micro_usd)
        await self.costs.abandon(tenant, None, [row], paid)
