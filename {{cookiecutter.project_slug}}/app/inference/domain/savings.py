"""What one answer does without while the service is overloaded."""

from dataclasses import dataclass, replace

from app.core.slo import BrownoutStep
from app.inference.domain.answer import ScreenedQuestion

OVERLOADED = "overloaded"
"""The reason code of an answer that is degraded because of overload; after it comes what it did without."""


@dataclass(frozen=True, slots=True)
class Savings:
    """passages: the most that are retrieved; None: as asked. models: the most that are called; None: all."""

    passages: int | None = None
    models: int | None = None

    @classmethod
    def of(cls, step: BrownoutStep | None, question: ScreenedQuestion, models: int) -> "Savings":
        """Those of the step that save something. Only a model can propose actions, so that one is called for them.

        models: how many could be called for this question.
        """
        if step is None:
            return cls()
        passages = step.passages if step.passages and step.passages < question.passages else None
        if step.extractive and not question.actions:
            return cls(passages, 0 if models else None)
        return cls(passages, None if step.second_model or models < 2 else 1)

    def applied_to(self, question: ScreenedQuestion) -> ScreenedQuestion:
        return question if self.passages is None else replace(question, passages=self.passages)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the answer is degraded whatever its models do."""
        passages = () if self.passages is None else (f"{OVERLOADED}: {self.passages} passages",)
        return (*passages, f"{OVERLOADED}: no model") if self.models == 0 else passages

    @property
    def reasons_of_failure(self) -> tuple[str, ...]:
        """Why none of the further models wrote the answer, when the first one failed."""
        return (f"{OVERLOADED}: no second model",) if self.models == 1 else ()


NO_SAVINGS = Savings()
