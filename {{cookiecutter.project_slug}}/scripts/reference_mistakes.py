"""docs/explanation/twelve-mistakes.md: each mistake with its control, the checks that show it and the tests of it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
INTRODUCTION = (
    "# The twelve mistakes\n\n"
    "Twelve mistakes turn a good proof of concept into a bad service. For each one this page has the control in the "
    "service, the checks of [readiness](readiness.md) that show it in the running service, and the tests that fail "
    "when the control is detached. It is made from the checks and the tests themselves: `python scripts/reference.py`."
)


class Mistake(NamedTuple):
    """control: Markdown."""

    title: str
    control: str


MISTAKES: dict[int, Mistake] = {
    1: Mistake(
        "The proof of concept is kept as production code",
        "Rooms with import rules that are checked with every build, settings that are typed and validated at "
        "the start, problems with stable codes instead of bare errors, JSON logs with request and trace ids. "
        "An unknown or invalid setting stops the start and is named. Warnings fail the test suite.",
    ),
    2: Mistake(
        "Nobody designed the data layer",
        "`policies/data.yaml` says what each source promises. Documents that do not meet it go to quarantine "
        "with their bytes and the reason. The corpus is versioned, and an index remembers its embedder and "
        "chunker and refuses queries made with another. A past answer is run again on its own release and "
        "corpus version with `app answer replay`; an evaluation case may name a corpus version; and a release "
        "whose prompt contains a case or its answer is not evaluated.",
    ),
    3: Mistake(
        "The model is at the centre instead of the product",
        "One deadline for all steps; a chain of models that ends in an answerer without a model; citations "
        "that come from retrieval; streaming; feedback; answers that name their model and whether they are "
        "degraded. With every provider down, questions still get a cited answer or a refusal.",
    ),
    4: Mistake(
        "One giant service",
        "Packages with their own routes, tables and ports; nobody reads the tables of another room. The same "
        "code runs as API and as worker, and a single room [runs alone](../how-to/run-a-room-alone.md).",
    ),
    5: Mistake(
        "Evaluation is left to the end",
        "`evals/` has a golden suite about this handbook and a suite of attacks. `app evaluate` runs them on "
        "a release and on the live one, and compares the two case by case; a FAIL blocks the release, and so "
        "does an INCONCLUSIVE result. CI does the same with every change that can alter an answer. See [how a "
        "release is judged](how-a-release-is-judged.md). Answers that reviewers edit or reject become "
        "candidates for cases.",
    ),
    6: Mistake(
        "Going live without observability",
        "Traces, metrics and logs, joined by the trace id, which every answer has. `/health/ready` says which "
        "dependency is down. Alert rules for burn rates of error budgets and dashboards are made from "
        "`policies/slo.yaml`: see [observe the service](../how-to/observe.md).",
    ),
    7: Mistake(
        "Security is added late",
        "API keys of which only a keyed hash is stored, roles with readable permissions, tenants that are "
        "isolated by the database itself, access groups inside the search, screening of questions and "
        "documents for instructions and hidden text, limits on all input, parsing in child processes, one "
        "[output filter](output-filter.md) on all ways out, and confidential text that is sent to allowed "
        "hosts only. Actions of a model are typed, need a permission of the caller's key, and wait for a "
        "person once untrusted text has reached the model. A test tries every route with another tenant's "
        "ids, and one with every role.",
    ),
    8: Mistake(
        "Nobody owns it",
        "`policies/ownership.yaml` names the owners of the service, the model, the prompts, the data and the "
        "policies, and who is on call. The start fails when one is missing. Each policy file has its own "
        "owner. A release goes live in production only when it was approved on its newest evaluation, at "
        "medium risk by somebody other than its author, at high risk by two. Every act of control has a line "
        "in an audit log, in which edits, deletions, insertions, reordering and removed newest lines are "
        "detected. The model card and the risk register are generated from the live release. See [approval "
        "and audit](approval-and-audit.md). [Readiness](readiness.md) says what only the owner can do.",
    ),
    9: Mistake(
        "Load is thought of too late",
        "All I/O is asynchronous, concurrent work is bounded, requests above the bound are refused at once "
        "with `Retry-After`, deadlines are shared by all steps, circuit breakers skip failing providers, jobs "
        "are durable and any number of workers may run them. `make load` asks three times too much, and fails "
        "when a budget of `policies/slo.yaml` is broken.",
    ),
    10: Mistake(
        "Nobody knows what it costs",
        "Every answer and every embedding has a row in an append-only ledger, exact to the micro-dollar. A "
        "model without a price stops the start. Costs are shown by day, feature, model and release. Budgets "
        "are enforced: money is reserved before a call and settled with the answer, and no call is made that "
        "could exceed a limit of the service or of a tenant, in a day or a month. Near a limit the owner is "
        "warned; at it a cheaper model answers, then the evidence is quoted, or the reply is 402.",
    ),
    11: Mistake(
        "No boundary for human review",
        "People decide about documents in quarantine, and about the answers that `policies/review.yaml` sends "
        "to review, before or after delivery. Two reviewers cannot both decide one item, nobody decides on "
        "their own question at high risk, and a held answer that nobody decides in time is not delivered; see "
        "[human review](review.md). A model only proposes actions, and an irreversible one always waits for "
        "approval; it then runs once, exactly as approved; see [what a model may do](actions.md).",
    ),
    12: Mistake(
        "Designed around tools instead of operating principles",
        "The service was generated from answers about ownership, harm, sensitivity, speed and money, and "
        "never about vendors. The answers are in `policies/`, which the running service loads, checks and "
        "enforces, and whose digests are part of every release. Providers, embedders and parsers are behind "
        "ports, and are chosen by settings.\n\nThe risk tier decides how much of a model's answer the "
        "evidence must support, and whether its sentences may be streamed as each is checked; confidential "
        "data is sent to allowed hosts only; a call that could exceed the monthly budget is not made.",
    ),
}


def tests_of(number: int) -> list[str]:
    """The names of the tests of a mistake, in the order of its file."""
    (path,) = (ROOT / "tests" / "mistakes").glob(f"test_{number:02}_*.py")
    body = ast.parse(path.read_text(encoding="utf-8")).body
    functions = [each for each in body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [each.name for each in functions if each.name.startswith("test_")]


def mistakes_page() -> str:
    parts = [INTRODUCTION]
    for number, mistake in MISTAKES.items():
        parts += [f"## {number}. {mistake.title}", mistake.control, _checks(number), _tests(number)]
    return "\n\n".join(parts) + "\n"


def _checks(number: int) -> str:
    from app.governance.domain.readiness.catalogue import CHECKS

    lines = [f"- `{check.id}`: {check.expects}" for check in CHECKS if number in check.mistakes]
    return "\n".join(["Checks of the running service:", "", *lines])


def _tests(number: int) -> str:
    (path,) = (ROOT / "tests" / "mistakes").glob(f"test_{number:02}_*.py")
    names = [f"- {name.removeprefix('test_').replace('_', ' ')}" for name in tests_of(number)]
    return "\n".join([f"Tests in `{path.relative_to(ROOT).as_posix()}`:", "", *names])
