"""Whether planted failures are found as patterns, and how long ten thousand take.

    python -m benchmarks.failure_patterns

Failures of eight kinds are planted among answers, with a background of failures of no kind. Questions are written from
parts and embedded by the bundled model. purity: the share of the failures of a pattern that are of its commonest kind,
over all patterns. recall: the share of a kind that is in one pattern. named: the kinds that the first page shows, each
by its terms or, where the question does not matter, by its reason.
"""

import argparse
import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from app.inference.domain.answer_record import AnswerRecord, FailedRequest
from app.monitoring.domain.failures.failure_policy import FailurePolicy
from app.monitoring.domain.failures.labels import distinguishing_terms
from app.monitoring.domain.failures.patterns import Failure, FailurePattern, FailureWindow, find_patterns
from app.monitoring.domain.question_vectors import background_similarity, normalised, unpack

PAGE = 20
AT = datetime(2026, 1, 1, tzinfo=UTC)
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Kind:
    """parts: one of each is joined to a question. names: terms of which one has to be in the label, or the reason."""

    name: str
    parts: tuple[tuple[str, ...], ...]
    names: frozenset[str]
    refusal: str = ""
    reasons: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    helpful: bool | None = None
    problem: str = ""

    def question(self, rng: np.random.Generator) -> str:
        return " ".join(str(rng.choice(part)) for part in self.parts)


_ASK = ("How do I", "What is the way to", "Who can help me to", "Can I", "Please explain how to")
_WHEN = ("?", "when I work from home?", "this year?", "as a new colleague?", "in a hurry?", "for my team?")
KINDS = (
    Kind(
        "parental leave is not documented",
        (
            ("How long is", "Who approves", "Where do I apply for", "When begins", "How is"),
            ("parental leave", "my parental leave", "paternity leave", "maternity leave"),
            ("paid?", "for twins?", "after adoption?", "in my second year?", "for part-time staff?"),
        ),
        frozenset({"parental", "leave", "maternity", "paternity"}),
        refusal="off_topic",
    ),
    Kind(
        "travel expenses abroad are not documented",
        (
            ("What daily allowance", "Which hotel budget", "What rate", "How much money"),
            ("applies to business trips to", "is refunded for travel to", "do I get for a trip to"),
            ("Japan?", "Brazil?", "Norway?", "Canada?", "Kenya?", "India?"),
        ),
        frozenset({"travel", "trip", "trips", "business", "allowance", "hotel", "refunded", "budget"}),
        refusal="off_topic",
    ),
    Kind(
        "the page on holidays does not answer carrying them over",
        (
            ("Can I", "How do I", "Until when may I", "Is it possible to"),
            ("carry over", "transfer", "keep", "move"),
            ("unused vacation days", "remaining holidays", "my leftover vacation", "holidays that I did not take"),
            ("to next year?", "into January?", "after December?", "until spring?"),
        ),
        frozenset({"vacation", "holidays", "carry", "days", "transfer", "next", "leftover", "unused"}),
        refusal="no_answer",
    ),
    Kind(
        "the provider times out, whatever is asked",
        (_ASK, ("book a room", "order a laptop", "read my payslip", "reset a badge", "join a project"), _WHEN),
        frozenset({"model_timeout"}),
        reasons=("gpt-4o-mini: model_timeout",),
    ),
    Kind(
        "answers about the VPN do not help",
        (
            ("Why does", "What can I do when", "How do I fix it that"),
            ("the VPN", "my VPN client", "the VPN connection", "the VPN tunnel"),
            ("disconnects", "refuses my token", "drops after ten minutes", "is slow", "does not connect"),
            ("on a Mac?", "at the airport?", "on Linux?", "since the update?"),
        ),
        frozenset({"vpn"}),
        helpful=False,
    ),
    Kind(
        "secrets are masked in answers about database passwords",
        (
            ("Where is", "What is", "Show me", "How do I rotate"),
            ("the database password", "the password of the database", "the credentials of the database"),
            ("for staging?", "of the billing service?", "in production?", "for the test system?"),
        ),
        frozenset({"password", "database", "credentials"}),
        reasons=("gpt-4o-mini: secret_masked",),
        findings=("secret",),
    ),
    Kind(
        "questions in German find no evidence",
        (
            ("Wie kann ich", "Wann darf ich", "Wo muss ich", "Warum soll ich"),
            ("die Arbeitszeit", "meine Überstunden", "die Stunden im Homeoffice", "die Zeiterfassung"),
            ("eintragen?", "erfassen?", "im System ändern?", "nachtragen und abrechnen?"),
        ),
        frozenset({"arbeitszeit", "überstunden", "zeiterfassung", "stunden", "homeoffice", "erfassen", "eintragen"}),
        refusal="no_evidence",
    ),
    Kind("streams break off", (), frozenset({"stream_ended"}), problem="stream_ended"),
)
_OTHER = (
    ("How do I", "Where can I", "Who may", "When should I"),
    ("water", "repaint", "sell", "clean", "photograph", "borrow", "repair", "describe", "rename", "weigh"),
    ("the aquarium", "a bicycle", "the roof", "an old piano", "the telescope", "a tent", "the garden", "a violin"),
    ("?", "on Sundays?", "with a friend?", "for the museum?", "in winter?", "by email?"),
)
_BACKGROUND_FAILURE = Kind("background", _OTHER, frozenset(), refusal="off_topic")
_FINE = Kind("answered", _OTHER, frozenset())


@dataclass(frozen=True)
class Planted:
    """A window: the failures with their kinds, all questions, and the vectors of the failed ones."""

    window: FailureWindow
    kinds: Mapping[UUID, str]
    questions: Mapping[UUID, str]
    problems: int
    background: float


async def embed(questions: Sequence[str]) -> Vectors:
    from app.adapters.embeddings.factory import EmbedderSettings, make_embedder

    embedder = make_embedder("minilm", EmbedderSettings())
    try:
        found = await embedder.embed_passages(list(questions))
    finally:
        await embedder.close()
    return unpack([vector.halves for vector in found.vectors])


def record(number: int, kind: Kind, question: str) -> AnswerRecord:
    return AnswerRecord(
        id=UUID(int=number + 1),
        at=AT,
        question=question,
        refusal=kind.refusal,
        degraded=bool(kind.reasons),
        reasons=kind.reasons,
        findings=kind.findings,
        helpful=kind.helpful,
        outcome="",
        rule="",
        release_id="0" * 64,
        model="gpt-4o-mini",
        groundedness=None,
        top_score=None,
        score_gap=None,
        cost_micro_usd=0,
        latency_ms=0.0,
        sources=(),
        answer_characters=0,
    )


async def plant(answers: int, seed: int, policy: FailurePolicy) -> Planted:
    """Two of a hundred answers fail by each kind, and two for no kind."""
    rng = np.random.default_rng(seed)
    each = max(8, answers // 50)
    kinds = [kind for kind in (*KINDS, _BACKGROUND_FAILURE) for _ in range(each)]
    kinds += [_FINE] * (answers - len(kinds))
    asked = [(kind, kind.question(rng)) for kind in kinds if not kind.problem]
    vectors = await embed([question for _, question in asked])
    records = [record(number, kind, question) for number, (kind, question) in enumerate(asked)]
    failed = [row for row in records if row.failed]
    failures = [Failure.of(row, policy.harm) for row in failed]
    problems = [FailedRequest(AT, kind.problem, "0" * 64) for kind in kinds if kind.problem]
    failures += [Failure.of_problem(row, policy.harm) for row in problems]
    window = FailureWindow(failures, answers, {row.id: vectors[row.id.int - 1] for row in failed})
    return Planted(
        window,
        {row.id: asked[row.id.int - 1][0].name for row in failed},
        {row.id: row.question for row in failed},
        len(problems),
        background_similarity(vectors),
    )


def members(pattern: FailurePattern, planted: Planted) -> list[str]:
    """The kind of each failure of a pattern."""
    if not pattern.answers:
        return [KINDS[-1].name] * pattern.failures
    return [planted.kinds[answer] for answer in pattern.answers]


def measure(patterns: Sequence[FailurePattern], planted: Planted) -> dict[str, object]:
    by_pattern = [Counter(members(pattern, planted)) for pattern in patterns]
    totals: Counter[str] = sum(by_pattern, Counter())
    purity = sum(max(counted.values()) for counted in by_pattern) / totals.total()
    recall = {kind.name: max(counted[kind.name] for counted in by_pattern) / totals[kind.name] for kind in KINDS}
    page = patterns[:PAGE]
    labels: dict[str, set[str]] = defaultdict(set)
    for pattern, counted in zip(page, by_pattern, strict=False):
        others = [text for each in patterns if each is not pattern for text in texts(each, planted)]
        terms = distinguishing_terms(texts(pattern, planted), others)
        labels[counted.most_common(1)[0][0]] |= {word for term in terms for word in term.split()}
        labels[counted.most_common(1)[0][0]].add(pattern.signature.reason)
    named = [kind.name for kind in KINDS if labels[kind.name] & kind.names]
    return {
        "patterns": len(patterns),
        "purity": round(purity, 3),
        "recall": {name: round(share, 3) for name, share in recall.items()},
        "least_recall": round(min(recall.values()), 3),
        "named_on_the_first_page": len(named),
        "not_named": [kind.name for kind in KINDS if kind.name not in named],
    }


def texts(pattern: FailurePattern, planted: Planted) -> list[str]:
    return [planted.questions[answer] for answer in pattern.answers]


def many(planted: Planted, failures: int, seed: int) -> FailureWindow:
    """The same failures again and again, each vector a little moved."""
    rng = np.random.default_rng(seed)
    source = [each for each in planted.window.failures if each.answer_id is not None]
    chosen = [source[number % len(source)] for number in range(failures)]
    vectors = np.stack([planted.window.vectors[each.answer_id] for each in chosen if each.answer_id])
    moved = normalised((vectors + 0.01 * rng.standard_normal(vectors.shape)).astype(np.float32))
    copies = [Failure(UUID(int=number + 1), each.signature, each.harm) for number, each in enumerate(chosen)]
    return FailureWindow(copies, 5 * failures, {UUID(int=n + 1): moved[n] for n in range(failures)})


def timed(planted: Planted, failures: int, policy: FailurePolicy) -> float:
    """Seconds to find the patterns of a window and of one as large before it."""
    now, before = many(planted, failures, 1), many(planted, failures, 2)
    started = time.perf_counter()
    find_patterns(now, before, planted.background, policy)
    return time.perf_counter() - started


async def run(answers: int, failures: int, seeds: int) -> dict[str, object]:
    policy = FailurePolicy()
    runs, seconds = [], []
    for seed in range(seeds):
        planted = await plant(answers, seed, policy)
        nothing = FailureWindow((), answers)
        runs.append(measure(find_patterns(planted.window, nothing, planted.background, policy), planted))
        seconds.append(timed(planted, failures, policy))
    return {
        "answers": answers,
        "kinds": len(KINDS),
        "questions_possible": sum(len(list(product(*kind.parts))) for kind in KINDS if kind.parts),
        "runs": runs,
        "failures_timed": failures,
        "seconds": [round(each, 3) for each in seconds],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=2000)
    parser.add_argument("--failures", type=int, default=10_000, help="number of failures for the time")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--short", action="store_true", help="a little of everything; no result is written")
    options = parser.parse_args()
    if options.short:
        options.answers, options.failures, options.seeds = 400, 500, 1
    result = asyncio.run(run(options.answers, options.failures, options.seeds))
    from benchmarks.harness import write

    command = f"python -m benchmarks.failure_patterns --answers {options.answers} --failures {options.failures}"
    write("failure_patterns", {"command": command, **result}, options.short)


if __name__ == "__main__":
    main()
