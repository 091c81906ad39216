"""The ledger equals what the provider counted: for answers, rewritten questions, judging, online scores and vectors."""

import json
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest_asyncio

from app.adapters.chat.standin import Call, Fault, StandIn
from app.evaluation.service import SuiteFiles
from app.monitoring.service.online_evaluation import FEATURE
from app.wiring import State
from benchmarks.harness import work_off
from tests.adapters.embeddings.test_openai import SIZE, Provider
from tests.conftest import ROOT
from tests.evaluation.service.test_llm_judge import fair
from tests.fields.conftest import Changed, called, changed
from tests.fields.values import WHO
from tests.inference.conftest import TOWER
from tests.monitoring.service.test_online_judging import QUOTE, give

__all__ = ["changed"]

USED_BY_EMBEDDING = 7
"""Tokens that the embedding provider of the tests reports for each request."""
QUALITY = {
    "judge": {"model": "stand-in", "minimum_labels": 10},
    "online": {"rates": dict.fromkeys(("canary", "refused", "degraded", "answered"), 1)},
}
PRICES = {"stand-in": {"input": 1, "output": 2}, "of-the-fields": {"input": 1, "output": 1}}


@dataclass
class CountingStandIn(StandIn):
    """Counts the tokens that its replies report."""

    reported: Counter[str] = field(default_factory=Counter)

    def _completion(self, call: Call, fault: Fault) -> dict[str, Any]:
        reply = super()._completion(call, fault)
        self.reported.update({"requests": 1})
        self.reported.update({name: reply["usage"][name] for name in ("prompt_tokens", "completion_tokens")})
        return reply


@dataclass
class Paying:
    """A service whose model and embedder are both at providers that count."""

    state: State
    model: CountingStandIn
    embedder: Provider

    def charged(self, *features: str, model: str = "stand-in") -> tuple[int, int, int]:
        """Rows, input tokens and output tokens of all tenants."""
        query = (
            "select count(*), coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0) from ledger "
            "where feature = any(%s) and model = %s"
        )
        with psycopg.connect(self.state.urls.owner) as connection:
            rows, read, written = connection.execute(query, (list(features), model)).fetchone() or (0, 0, 0)
        return int(rows), int(read), int(written)

    def counted(self) -> tuple[int, int, int]:
        seen = self.model.reported
        return seen["requests"], seen["prompt_tokens"], seen["completion_tokens"]


@pytest_asyncio.fixture
async def paying(changed: Changed) -> AsyncIterator[Paying]:
    async with AsyncExitStack() as stack:
        model, provider = await stack.enter_async_context(CountingStandIn(model="stand-in")), Provider()
        variables = {
            "APP_MODEL_CHAIN": f'[{{"model": "stand-in", "base_url": "{model.url}"}}]',
            "APP_EMBEDDER": "openai",
            "APP_EMBEDDER_URL": await stack.enter_async_context(provider.listening()),
            "APP_EMBEDDER_MODEL": "of-the-fields",
            "APP_EMBEDDER_DIMENSIONS": str(SIZE),
        }
        policies = {"cost": {"prices": PRICES}, "quality": QUALITY}
        yield Paying(await stack.enter_async_context(changed(variables, **policies)), model, provider)


def difference(after: tuple[int, int, int], before: tuple[int, int, int]) -> tuple[int, ...]:
    return tuple(one - other for one, other in zip(after, before, strict=True))


async def test_answers_rewritten_questions_and_vectors_are_charged_as_they_were_counted(paying: Paying) -> None:
    async with called(paying.state) as client:
        (await client.post("/v1/documents", files={"files": ("tower.md", TOWER.encode())})).raise_for_status()
        await work_off(paying.state)
        for question in (WHO, "When was it built?"):
            reply = (await client.post("/v1/answers", json={"question": question, "conversation": "one"})).json()
            assert reply["model"] == "stand-in", reply
    requests, *tokens = paying.counted()
    assert requests == 3, "two answers, and a question that was rewritten"
    rows, *charged = paying.charged("answer")
    assert (rows, charged) == (3, tokens)
    rows, read, written = paying.charged("embedding_document", "embedding_query", model="of-the-fields")
    assert (read, written) == (USED_BY_EMBEDDING * len(paying.embedder.requests), 0)
    assert len(paying.embedder.requests) >= 3


LABELS = 10


def labelled(folder: Path) -> SuiteFiles:
    """Suites with labels of people, with whom a model agrees that reads them; no judge has judged them before."""
    shutil.copy(ROOT / "evals" / "judge.md", folder / "judge.md")
    asked = uuid4().hex
    pairs = ((number, number + number % 2) for number in range(LABELS))
    people = [
        {"id": f"l{n}", "question": asked, "right": f"{n} metres", "given": f"{said} metres", "good": n == said}
        for n, said in pairs
    ]
    (folder / "judge_labels.jsonl").write_text("\n".join(map(json.dumps, people)), encoding="utf-8")
    return SuiteFiles(folder)


async def test_judging_is_charged_as_its_provider_counted(paying: Paying, tmp_path: Path) -> None:
    state, paying.model.mind = paying.state, fair
    before = paying.counted()
    await replace(state.evaluations.judge, suites=labelled(tmp_path)).scores(uuid4())
    counted = difference(paying.counted(), before)
    assert counted[0] == LABELS
    assert paying.charged("judging") == counted


async def test_online_scores_are_charged_as_the_provider_of_the_judge_counted(paying: Paying, tmp_path: Path) -> None:
    state, paying.model.mind = paying.state, fair
    tenant = await state.identity.ensure_tenant(uuid4().hex)
    give(state.urls, tenant, [QUOTE, f"{QUOTE} Indeed."])
    judge = replace(state.monitoring.online.judge, suites=labelled(tmp_path))
    before = paying.counted()
    await replace(state.monitoring.online, judge=judge)._score_tenant(tenant)
    counted = difference(paying.counted(), before)
    assert counted[0] >= 2
    assert paying.charged(FEATURE) == counted
