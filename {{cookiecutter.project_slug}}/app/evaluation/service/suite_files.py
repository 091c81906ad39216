"""The suites as they stand in evals/."""

from dataclasses import dataclass
from pathlib import Path

from app.evaluation.domain.cases import Case
from app.evaluation.domain.judge_prompt import LABELS
from app.evaluation.domain.suites import (
    EVERYTHING,
    EvaluationCorpus,
    Suite,
    SuiteNotFound,
    SuiteRefused,
    parse_corpus,
    parse_suite,
    together,
)

GOLDEN = "golden"


@dataclass(frozen=True)
class SuiteFiles:
    """folder: evals/ of the service, read anew each time."""

    folder: Path

    def names(self) -> list[str]:
        """The suites there are, without the one of all."""
        return sorted(path.stem for path in self.folder.glob("*.jsonl") if path.stem != LABELS)

    def load(self, name: str = EVERYTHING) -> Suite:
        """Errors: SuiteNotFound, SuiteRefused naming file and line."""
        if name == EVERYTHING:
            if not (names := self.names()):
                raise SuiteNotFound(f"There is no suite in {self.folder}.")
            return together(self._read(each) for each in names)
        if name not in self.names():
            raise SuiteNotFound(f"There is no suite '{name[:80]}'; there are {', '.join([EVERYTHING, *self.names()])}.")
        return self._read(name)

    def add(self, case: Case, name: str = GOLDEN) -> None:
        """Writes a case below the others of its suite, whole or not at all.

        Errors: SuiteRefused when its id stands in any suite already, or the file is not readable as it is.
        """
        path = self.folder / f"{name}.jsonl"
        before = _text(path)
        said = case.model_dump_json(exclude_defaults=True)
        after = before + "\n" * (not before.endswith("\n")) + said + "\n"
        others = [self._read(each) for each in self.names() if each != name]
        together([*others, parse_suite(name, after)])
        beside = path.with_suffix(".part")
        beside.write_text(after, encoding="utf-8")
        beside.replace(path)

    def corpus(self) -> EvaluationCorpus:
        """Errors: SuiteRefused."""
        path = self.folder / "corpus.json"
        return parse_corpus(_text(path)) if path.exists() else EvaluationCorpus()

    def text(self, name: str, missing: str | None = None) -> str:
        """Another file beside the suites. Errors: SuiteRefused when it is not there and `missing` does not stand in."""
        path = self.folder / name
        return missing if missing is not None and not path.exists() else _text(path)

    def _read(self, name: str) -> Suite:
        return parse_suite(name, _text(self.folder / f"{name}.jsonl"))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteRefused(f"evals/{path.name}: cannot be read ({type(error).__name__}).") from error
