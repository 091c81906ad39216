"""Suites of cases: parsing, validation, and whether a prompt of the release contains the answers."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field, ValidationError

from app.core.base_models import ExactModel
from app.core.errors import Invalid, NotFound
from app.evaluation.domain.cases import TENANT, Case, CaseName, CaseText, digest_of
from app.evaluation.domain.scorers import scoring_of
from app.evaluation.domain.text_matching import contains

SCORING = 1
"""The version of the scorers. Incremented when a score changes its meaning, so that old scores are not compared."""
ALL_SUITES = "all"
"""The union of all suites, and the only one whose verdict counts as evidence."""
MIN_LEAK_WORDS = 5


class SuiteRefused(Invalid):
    code, title = "suite_refused", "The suite cannot be used"
    action = "Correct the line in evals/; docs/how-to/write-an-evaluation-case.md shows what a case looks like."


class SuiteNotFound(NotFound):
    code, title = "suite_not_found", "No such suite"
    action = "A suite is a file evals/NAME.jsonl."


class CaseLeaked(Invalid):
    code, title = "case_leaked", "A prompt of the release contains an answer of the suite"
    action = "Remove the answer from the prompt, or the case from the suite."


@dataclass(frozen=True, slots=True)
class Suite:
    name: str
    cases: tuple[Case, ...]

    @property
    def digest(self) -> str:
        rows = sorted((case.id, case.digest) for case in self.cases)
        return digest_of({"scoring": scoring_of(SCORING), "cases": rows})

    @property
    def tenants(self) -> tuple[str, ...]:
        return tuple(sorted({case.tenant for case in self.cases}))


class CorpusFolder(ExactModel):
    """A folder of documents for the evaluation. path: relative to the service's folder."""

    path: CaseText
    tenant: CaseName = TENANT
    source: CaseText
    groups: tuple[CaseName, ...] = ()


class EvaluationCorpus(ExactModel):
    """evals/corpus.json: the documents of the evaluation, by tenant."""

    folders: tuple[CorpusFolder, ...] = Field(default=())


def parse_suite(name: str, text: str) -> Suite:
    """Errors: SuiteRefused naming the file, the line and what is wrong there."""
    cases: list[Case] = []
    lines: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), 1):  # not splitlines: texts may hold U+2028
        if not line.strip():
            continue
        case = _case(f"evals/{name}.jsonl:{number}", line)
        if case.id in lines:
            raise SuiteRefused(
                f"evals/{name}.jsonl:{number}: the id '{case.id}' is already used in line {lines[case.id]}."
            )
        lines[case.id] = number
        cases.append(case)
    if not cases:
        raise SuiteRefused(f"evals/{name}.jsonl:1: the file contains no case.")
    return Suite(name, tuple(cases))


def parse_corpus(text: str) -> EvaluationCorpus:
    """Errors: SuiteRefused."""
    try:
        return EvaluationCorpus.model_validate(json.loads(text))
    except ValidationError as error:
        raise SuiteRefused(f"evals/corpus.json: {first_error(error)}.") from error
    except ValueError as error:
        raise SuiteRefused(f"evals/corpus.json: is not JSON ({error}).") from error


def merge(suites: Iterable[Suite]) -> Suite:
    """All cases as one suite. Errors: SuiteRefused when two suites use the same id."""
    cases: dict[str, Case] = {}
    for suite in suites:
        for case in suite.cases:
            if case.id in cases:
                raise SuiteRefused(f"evals/{suite.name}.jsonl: the id '{case.id}' is already used in another suite.")
            cases[case.id] = case
    return Suite(ALL_SUITES, tuple(cases.values()))


def check_leaks(suite: Suite, prompts: Mapping[str, str]) -> None:
    """Errors: CaseLeaked, naming the first case whose question or answer a prompt contains, and the prompt."""
    for case in suite.cases:
        for name, text in sorted(prompts.items()):
            if part := _leaked_part(case, text):
                raise CaseLeaked(f"prompts/{name}.md contains the {part} of case '{case.id}'.")


def _leaked_part(case: Case, prompt: str) -> str | None:
    if len(case.question.split()) >= MIN_LEAK_WORDS and contains(prompt, case.question):
        return "question"
    if case.answer and contains(prompt, case.answer):
        return "answer"
    if case.facts and all(any(contains(prompt, each) for each in fact) for fact in case.facts):
        return "answer"
    return None


def _case(where: str, line: str) -> Case:
    try:
        raw: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise SuiteRefused(f"{where}: is not a JSON object on one line ({error}).") from error
    if not isinstance(raw, dict):
        raise SuiteRefused(f"{where}: is not a JSON object.")
    try:
        return Case.model_validate_json(line, strict=True)
    except ValidationError as error:
        raise SuiteRefused(f"{where}: {first_error(error)}.") from error


def first_error(error: ValidationError) -> str:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    return f"{field}: {first['msg']}" if field else first["msg"].removeprefix("Value error, ")
