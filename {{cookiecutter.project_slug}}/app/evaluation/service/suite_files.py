"""The suites in the files of evals/."""

import json
import re
from collections.abc import Collection
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
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
"""Texts may hold what else ends a line for Python, such as U+2028."""


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
        _replace(path, after)

    def remove(self, case_ids: Collection[str], holding: re.Pattern[str]) -> int:
        """Removes these cases, and those whose line holds the text, from all suites. Returns their number.

        Errors: SuiteRefused, when a file cannot be changed.
        """
        removed = 0
        for path in sorted(self.folder.glob("*.jsonl")):
            lines = _LINE.findall(_text(path))
            left = [line for line in lines if not (holding.search(line) or _case_id(line) in case_ids)]
            if len(left) < len(lines):
                _replace(path, "".join(left))
                removed += len(lines) - len(left)
        return removed

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


def _replace(path: Path, text: str) -> None:
    """Errors: SuiteRefused."""
    temporary = path.with_suffix(".part")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise SuiteRefused(f"evals/{path.name}: cannot be changed ({type(error).__name__}).") from error


def _case_id(line: str) -> str:
    try:
        return str(json.loads(line)["id"])
    except (ValueError, KeyError, TypeError):
        return ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SuiteRefused(f"evals/{path.name}: cannot be read ({type(error).__name__}).") from error
