"""What a judge model is shown, how its word is read, and what people said of the same answers."""

import json
import re
from hashlib import sha256

from pydantic import BaseModel, ConfigDict, ValidationError

from app.evaluation.domain.cases import Case, CaseName, CaseText, digest_of
from app.evaluation.domain.observation import Observation
from app.evaluation.domain.suites import SuiteRefused, first_wrong

LABELS = "judge_labels"
_WORD = re.compile(r"\W*(GOOD|BAD)\b", re.IGNORECASE)
_TAG = re.compile(r"<(/?)(?=(?:question|right|given)\b)", re.IGNORECASE)


class JudgedAnswer(BaseModel):
    """An answer to be judged. right: what a right answer says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: CaseText
    right: CaseText
    given: CaseText

    @property
    def digest(self) -> str:
        return digest_of(self.model_dump())

    @property
    def shown(self) -> str:
        """Between marks that none of the three can close itself."""
        parts = {"question": self.question, "right": self.right, "given": self.given}
        inert = {name: _TAG.sub(r"‹\1", text) for name, text in parts.items()}
        return "\n".join(f"<{name}>\n{text}\n</{name}>" for name, text in inert.items())


class HumanLabel(JudgedAnswer):
    """What a person said of an answer; one line of evals/judge_labels.jsonl."""

    id: CaseName
    good: bool

    @property
    def answered(self) -> JudgedAnswer:
        return JudgedAnswer(question=self.question, right=self.right, given=self.given)


def to_judge(case: Case, seen: Observation) -> JudgedAnswer | None:
    """None for a refusal, and for a case that does not say what a right answer is."""
    right = case.answer or "; ".join(fact[0] for fact in case.facts)
    if seen.refused or not right or not seen.text.strip():
        return None
    return JudgedAnswer(question=case.question, right=right[:2000], given=seen.text[:2000])


def read_word(text: str) -> bool | None:
    """GOOD or BAD; None for whatever else a model may say."""
    found = _WORD.match(text)
    return found[1].upper() == "GOOD" if found else None


def version_of(model: str, prompt: str) -> str:
    """Another prompt or another model is another judge."""
    return f"{model}@{sha256(prompt.encode()).hexdigest()[:12]}"


def parse_labels(text: str) -> tuple[HumanLabel, ...]:
    """Errors: SuiteRefused naming the line."""
    labels: list[HumanLabel] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                labels.append(HumanLabel.model_validate(json.loads(line)))
            except ValidationError as error:
                raise SuiteRefused(f"evals/{LABELS}.jsonl:{number}: {first_wrong(error)}.") from error
            except ValueError as error:
                raise SuiteRefused(f"evals/{LABELS}.jsonl:{number}: is not JSON ({error}).") from error
    return tuple(labels)
