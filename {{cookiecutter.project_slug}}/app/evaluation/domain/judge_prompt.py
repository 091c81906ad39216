"""What a judge model is shown, how its verdict is parsed, and the labels of people for the same answers."""

import json
import re
from hashlib import sha256

from pydantic import ValidationError

from app.core.base_models import ExactModel
from app.evaluation.domain.cases import Case, CaseName, CaseText, digest_of
from app.evaluation.domain.observation import Observation
from app.evaluation.domain.suites import SuiteRefused, first_error

LABELS = "judge_labels"
_VERDICT = re.compile(r"\W*(GOOD|BAD)\b", re.IGNORECASE)
_TAG = re.compile(r"<(/?)(?=(?:question|right|given)\b)", re.IGNORECASE)


class JudgedAnswer(ExactModel):
    """An answer to be judged. right: the expected answer; given: the answer of the release."""

    question: CaseText
    right: CaseText
    given: CaseText

    @property
    def digest(self) -> str:
        return digest_of(self.model_dump())

    @property
    def prompt(self) -> str:
        """The three texts in tags that none of them can close."""
        parts = {"question": self.question, "right": self.right, "given": self.given}
        escaped = {name: _TAG.sub(r"‹\1", text) for name, text in parts.items()}
        return "\n".join(f"<{name}>\n{text}\n</{name}>" for name, text in escaped.items())


class HumanLabel(JudgedAnswer):
    """A person's label of an answer; one line of evals/judge_labels.jsonl."""

    id: CaseName
    good: bool

    @property
    def judged_answer(self) -> JudgedAnswer:
        return JudgedAnswer(question=self.question, right=self.right, given=self.given)


def to_judge(case: Case, observation: Observation) -> JudgedAnswer | None:
    """None for a refusal, and for a case without an expected answer."""
    right = case.answer or "; ".join(fact[0] for fact in case.facts)
    if observation.refused or not right or not observation.text.strip():
        return None
    return JudgedAnswer(question=case.question, right=right[:2000], given=observation.text[:2000])


def parse_verdict(text: str) -> bool | None:
    """True for GOOD and False for BAD; None for anything else."""
    match = _VERDICT.match(text)
    return match[1].upper() == "GOOD" if match else None


def version_of(model: str, prompt: str) -> str:
    """Identifies the judge; it changes with the model and with the prompt."""
    return f"{model}@{sha256(prompt.encode()).hexdigest()[:12]}"


def parse_labels(text: str) -> tuple[HumanLabel, ...]:
    """Errors: SuiteRefused naming the line."""
    labels: list[HumanLabel] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                labels.append(HumanLabel.model_validate(json.loads(line)))
            except ValidationError as error:
                raise SuiteRefused(f"evals/{LABELS}.jsonl:{number}: {first_error(error)}.") from error
            except ValueError as error:
                raise SuiteRefused(f"evals/{LABELS}.jsonl:{number}: is not JSON ({error}).") from error
    return tuple(labels)
