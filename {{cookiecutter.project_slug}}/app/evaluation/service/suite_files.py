"""The suites in the files of evals/."""

from dataclasses import dataclass
from pathlib import Path

from app.evaluation.domain.cases import Case
from app.evaluation.domain.judge_prompt import LABELS
from app.evaluation.domain.suites import (
    ALL_SUITES,
    EvaluationCorpus,
    Suite,
    SuiteNotFound,
    SuiteRefused,
    merge,
    parse_corpus,
    parse_suite,
)

GOLDEN = "golden"


@dataclass(frozen=True)
class SuiteFiles:
    """folder: evals/ of the service; files are read on every call."""

    folder: Path

    def names(self) -> list[str]:
        """Names of the suite files, without 'all'."""
        return sorted(path.stem for path in self.folder.glob("*.jsonl") if path.stem != LABELS)

    def load(self, name: str = ALL_SUITES) -> Suite:
        """Errors: SuiteNotFound, SuiteRefused naming file and line."""
        if name == ALL_SUITES:
            if not (names := self.names()):
                raise SuiteNotFound(f"There is no suite in {self.folder}.")
            return merge(self._read(each) for each in names)
        if name not in self.names():
            raise SuiteNotFound(f"There is no suite '{name[:80]}'. Suites: {', '.join([ALL_SUITES, *self.names()])}.")
        return self._read(name)

    def add(self, case: Case, name: str = GOLDEN) -> None:
        """Appends a case to its suite, atomically.

        Errors: SuiteRefused when its id is in any suite already, or the file cannot be read.
        """
        path = self.folder / f"{name}.jsonl"
        before = _text(path)
        line = case.model_dump_json(exclude_defaults=True)
        separator = "" if before.endswith("\n") else "\n"
        after = f"{before}{separator}{line}\n"
        others = [self._read(each) for each in self.names() if each != name]
        merge([*others, parse_suite(name, after)])
        temporary = path.with_suffix(".part")
        temporary.write_text(after, encoding="utf-8")
        temporary.replace(path)

    def corpus(self) -> EvaluationCorpus:
        """Errors: SuiteRefused."""
        path = self.folder / "corpus.json"
        return parse_corpus(_text(path)) if path.exists() else EvaluationCorpus()

    def text(self, name: str, missing: str | None = None) -> str:
        """Another file of evals/. missing: returned when there is no such file. Errors: SuiteRefused."""
        path = self.folder / name
        return missing if missing is not None and not path.exists() else _text(path)

    def _read(self, name: str) -> Suite:
        return parse_suite(name, _text(self.folder / f"{name}.jsonl"))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteRefused(f"evals/{path.name}: cannot be read ({type(error).__name__}).") from error
