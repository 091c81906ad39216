"""A deliberately degraded release does not pass the gate; an identical one does."""

import random
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from app.adapters.chat.choice import ModelChoice
from app.adapters.chat.standin import StandIn
from app.core.clock import Deadline
from app.core.embedded import Urls
from app.evaluation.domain.report import Report
from app.evaluation.service import Evaluations
from app.inference.service import context
from app.releases.domain import Prompt, Release, Scalar
from app.retrieval.domain import ChunkerParams
from app.retrieval.domain.vectors import Vector
from app.retrieval.ports import EmbeddingResult
from app.settings import Settings
from app.wiring import State, build
from tests.conftest import TESTED, FreshDatabase
from tests.evaluation.corpus import keep_cited_pages, keep_some_cases
from tests.evaluation.prompt_following_model import follow_prompt
from tests.evaluation.service.test_evaluations import beside

pytestmark = pytest.mark.long

PRICES = """
  careful: {local: true}
  slow: {local: true}
"""
BLUNT = "Answer the question."
SLOW_SECONDS = 0.12


@dataclass
class Scrambled:
    """An embedder with random vectors. model: the model whose price it has."""

    model: str
    name: str = "scrambled@1"
    provider: str = "local"
    dimensions: int = 32

    async def warm(self) -> None: ...

    async def close(self) -> None: ...

    async def embed_query(self, text: str, deadline: Deadline) -> EmbeddingResult:
        return EmbeddingResult((_noise(text, self.dimensions),), 0)

    async def embed_passages(self, texts: Sequence[str]) -> EmbeddingResult:
        return EmbeddingResult(tuple(_noise(text, self.dimensions) for text in texts), 0)


def _noise(text: str, length: int) -> Vector:
    draw = random.Random(text)
    return Vector.of([draw.gauss(0, 1) for _ in range(length)])


_spent = 0.0


def slowly(body: dict[str, Any]) -> str:
    global _spent
    _spent += SLOW_SECONDS
    return follow_prompt(body)


@pytest.fixture(scope="module", autouse=True)
def time_of_answers() -> Iterator[None]:
    """The latency of an answer depends only on its model, not on the load of the machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(context, "time", SimpleNamespace(perf_counter=lambda: _spent))
        yield


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its corpus is what the cases ask about: most of the time of an index goes into embedding the rest."""
    folder = tmp_path_factory.mktemp("six")
    for name in ("policies", "prompts", "migrations", "docs", "evals"):
        shutil.copytree(TESTED / name, folder / name)
    cost = folder / "policies" / "cost.yaml"
    cost.write_text(cost.read_text() + PRICES)
    keep_some_cases(folder, 2)
    keep_cited_pages(folder)
    return folder


@pytest.fixture(scope="module")
def own_database(fresh_database: FreshDatabase) -> Iterator[Urls]:
    """A database of its own, whose live index has no vectors."""
    with fresh_database() as urls:
        yield urls


@dataclass
class Bench:
    """Releases of processes with no model, with a good one and with a slow one."""

    quoting: State
    careful: State
    slow: State
    scrambled: Scrambled

    async def measured(self, candidate: Release, live: Release) -> Report:
        evaluations: Evaluations = beside(self.quoting, live)
        run = await evaluations.start("ada", candidate.id, queued=False)
        ended = await evaluations.execute(run.id)
        return Report.read(await evaluations.report(ended.id))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def bench(house: Path, own_database: Urls) -> AsyncIterator[Bench]:
    settings = Settings(root=house, data_dir=house, embedder="minilm", _env_file=None)
    async with AsyncExitStack() as stack:
        careful = await stack.enter_async_context(StandIn(model="careful", mind=follow_prompt))
        slow = await stack.enter_async_context(StandIn(model="slow", mind=slowly))
        states = []
        for models in ((), (careful,), (slow,)):
            chain = tuple(ModelChoice(model=each.model, base_url=each.url) for each in models)
            changed = settings.model_copy(update={"model_chain": chain})
            states.append(await stack.enter_async_context(build(changed, own_database)))
        (minilm,) = states[0].retrieval.embedders.values()
        scrambled = Scrambled(minilm.model)
        states[0].retrieval.embedders[scrambled.name] = scrambled  # type: ignore[index]
        await states[0].evaluations.corpus_sync.sync(states[0].evaluations.suites.corpus())
        yield Bench(*states, scrambled)


async def with_index(state: State, params: ChunkerParams | None = None, embedder: Scrambled | None = None) -> Release:
    first = state.retrieval.indexes.first
    pinned = replace(first, chunker_params=asdict(params or first.params))
    if embedder:
        pinned = replace(pinned, embedder=embedder.name, dimensions=embedder.dimensions)
    index = await state.retrieval.index_builder.build(pinned, lambda *_: None)
    return await state.releases.create("ada", index=index.number)


async def with_prompt(state: State, text: str) -> Release:
    own = state.releases.inputs
    prompts = {**own.prompts, "answer": Prompt.read("answer", text.encode())}
    made = replace(state.releases, inputs=replace(own, prompts=prompts))
    return await made.create("ada")


async def changed(state: State, **changes: Scalar) -> Release:
    return await state.releases.create("ada", changes={name.replace("__", "."): to for name, to in changes.items()})


def stopped_by(report: Report) -> set[str]:
    """The metrics that block the release: overall, in a slice or by a protected case."""
    judgement = report.judgement
    found = {each.metric for each in judgement.findings if each.blocking and each.verdict != "PASS"}
    return found | {metric for name, metric, *_ in judgement.worse if name in judgement.fallen}


@pytest.mark.parametrize(
    ("way", "metrics"),
    [
        ("blunted prompt", {"answer_facts"}),
        ("tiny chunks", {"citation_precision"}),
        ("wrong embedder", {"retrieval_mrr"}),
        ("vectors alone", {"retrieval_recall"}),
        ("refusal threshold off", {"refusal_recall"}),
        ("slow model", {"latency_ms"}),
    ],
)
async def test_a_release_made_worse_is_refused_and_the_report_names_the_metric(
    bench: Bench, way: str, metrics: set[str]
) -> None:
    quoting = bench.quoting
    live = await quoting.releases.create("ada")
    if way == "blunted prompt":
        live = await bench.careful.releases.create("ada")
        worse = await with_prompt(bench.careful, BLUNT)
    elif way == "slow model":
        live = await bench.careful.releases.create("ada")
        worse = await bench.slow.releases.create("ada")
    elif way == "tiny chunks":
        usual = ChunkerParams()
        worse = await with_index(quoting, ChunkerParams(usual.target // 12, usual.whole // 12, usual.small // 12))
    elif way == "wrong embedder":
        worse = await with_index(quoting, embedder=bench.scrambled)
    elif way == "vectors alone":
        worse = await changed(quoting, retrieval__dense_weight=1)
    else:
        worse = await changed(quoting, refusal__words=0, refusal__coverage=0, refusal__both=0)
    report = await bench.measured(worse, live)
    assert report.verdict != "PASS"
    assert metrics <= stopped_by(report)


async def test_the_same_release_and_one_that_only_has_another_name_pass(bench: Bench) -> None:
    live = await bench.quoting.releases.create("ada")
    same = await changed(bench.quoting, retrieval__exact_chunks=2999)
    assert (await bench.measured(live, live)).verdict == "PASS"
    report = await bench.measured(same, live)
    assert report.verdict == "PASS"
