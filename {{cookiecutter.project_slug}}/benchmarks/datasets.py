"""Public test sets, read from a folder that is named when a benchmark is run."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RankingSet:
    """Passages by name, and for each question the gain of each passage that answers it."""

    passages: Mapping[str, str]
    questions: Sequence[tuple[str, Mapping[str, float]]]


def squad2(folder: Path) -> RankingSet:
    """Every passage of both files; every answerable question of dev.json, answered by the passage it was asked of."""
    passages: dict[str, str] = {}
    questions: list[tuple[str, Mapping[str, float]]] = []
    for file in ("dev", "distractors"):
        articles = json.loads((folder / "squad2" / f"{file}.json").read_text(encoding="utf-8"))["data"]
        for paragraph in (paragraph for article in articles for paragraph in article["paragraphs"]):
            name = f"passage-{len(passages):04}.txt"
            passages[name] = paragraph["context"]
            if file == "dev":
                asked = [each["question"] for each in paragraph["qas"] if not each["is_impossible"]]
                questions += [(question, {name: 1.0}) for question in asked]
    return RankingSet(passages, questions)


def cranfield(folder: Path) -> RankingSet:
    """Title and abstract of each document. Judgements 1 (best) to 4 give the gains 15, 7, 3 and 1."""
    documents = _records(folder / "cranfield" / "cran.all.1400")
    passages = {
        f"abstract-{number:04}.txt": f"{fields.get('T', '').strip()}\n\n{fields.get('W', '').strip()}"
        for number, fields in enumerate(documents, 1)
        if fields.get("W", "").strip()
    }
    gains: dict[int, dict[str, float]] = {}
    for line in (folder / "cranfield" / "cranqrel").read_text().splitlines():
        query, document, grade = (int(part) for part in line.split()[:3]) if line.strip() else (0, 0, 0)
        if 1 <= grade <= 4:
            gains.setdefault(query, {})[f"abstract-{document:04}.txt"] = 2.0 ** (5 - grade) - 1
    queries = [fields.get("W", "") for fields in _records(folder / "cranfield" / "cran.qry")]
    questions = [(" ".join(text.split()), gains.get(number, {})) for number, text in enumerate(queries, 1)]
    return RankingSet(passages, [(text, judged) for text, judged in questions if text and judged])


def _records(path: Path) -> list[dict[str, str]]:
    """The SMART format: '.I 7' begins a record, '.T' and the like a field."""
    records: list[dict[str, str]] = []
    field = ""
    for line in path.read_text(errors="replace").splitlines(keepends=True):
        if line.startswith(".I"):
            records.append({})
        elif re.fullmatch(r"\.[A-Z]\s*", line):
            field = line[1]
        else:
            records[-1][field] = records[-1].get(field, "") + line
    return records
