"""The map of guards to the tests that hold them, and the survivors that a person has judged."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

import yaml

from scripts.mutants.mutated_file import Mutant, MutatedFile

FOLDER = Path("tests/mutants")
Judgement = Literal["equivalent", "accepted"]


@dataclass(frozen=True)
class Guard:
    """A file whose functions decide. tests: what has to notice a fault in it. left_out: functions that only word what
    was decided. sample: how many of its mutants are tried, with tests that use a database as well; None for all of
    them, with the tests that take no time.
    """

    room: str
    file: str
    tests: list[str]
    left_out: frozenset[str] = frozenset()
    sample: int | None = None

    def mutated(self, root: Path) -> MutatedFile:
        return MutatedFile(self.file, (root / self.file).read_text(encoding="utf-8"), self.left_out)

    def chosen(self, mutated: MutatedFile, most: int | None = None) -> list[Mutant]:
        """Its mutants, at most so many; always the same ones, whatever else is in the file."""
        mutants = sorted(mutated.edits, key=lambda mutant: sha256(str(mutant).encode()).digest())
        return mutants[: min(each for each in (most, self.sample, len(mutants)) if each is not None)]


def guards_in(root: Path) -> list[Guard]:
    content = yaml.safe_load((root / FOLDER / "guards.yaml").read_text(encoding="utf-8"))
    return [
        Guard(room, file, given["tests"], frozenset(given.get("left_out", ())), given.get("sample"))
        for room, files in content.items()
        for file, given in files.items()
    ]


@dataclass(frozen=True)
class Judged:
    """A survivor with the reason why no test has to notice it. equivalent: no caller could. accepted: one could."""

    file: str
    function: str
    name: str
    verdict: Judgement
    reason: str


def judged_in(root: Path) -> dict[tuple[str, str, str], Judged]:
    """By file, function and name of the mutant."""
    content = yaml.safe_load((root / FOLDER / "survivors.yaml").read_text(encoding="utf-8"))
    return {(each.file, each.function, each.name): each for each in _entries(content)}


def _entries(content: dict[str, dict[str, list[dict[str, list[str] | str]]]]) -> Iterator[Judged]:
    for file, functions in content.items():
        for function, groups in functions.items():
            for group in groups:
                verdict: Judgement = "equivalent" if "equivalent" in group else "accepted"
                for name in group["mutants"]:
                    yield Judged(file, function, name, verdict, str(group[verdict]))
