"""Public test sets, read from the folder in the option --data; without it, a tiny generated one."""

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class RankingSet:
    """Passages by name, and for each question the gain of each passage that answers it."""

    passages: Mapping[str, str]
    questions: Sequence[tuple[str, Mapping[str, float]]]


def add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, help="the folder of the test sets", required="--short" not in sys.argv)


def articles_of(folder: Path | None, file: str) -> list[dict[str, Any]]:
    if folder is None:
        return _generated(file)
    articles: list[dict[str, Any]] = json.loads((folder / "squad2" / f"{file}.json").read_text(encoding="utf-8"))[
        "data"
    ]
    return articles


def squad2(folder: Path | None) -> RankingSet:
    """Every passage of both files, and every answerable question of dev.json with its passage as the relevant one."""
    passages: dict[str, str] = {}
    questions: list[tuple[str, Mapping[str, float]]] = []
    for file in ("dev", "distractors"):
        for paragraph in (paragraph for article in articles_of(folder, file) for paragraph in article["paragraphs"]):
            name = f"passage-{len(passages):04}.txt"
            passages[name] = paragraph["context"]
            if file == "dev":
                answerable = [each["question"] for each in paragraph["qas"] if not each["is_impossible"]]
                questions += [(question, {name: 1.0}) for question in answerable]
    return RankingSet(passages, questions)


def cranfield(folder: Path | None) -> RankingSet:
    """Title and abstract of each document. Judgements 1 (best) to 4 give the gains 15, 7, 3 and 1."""
    if folder is None:
        return RankingSet(
            {"abstract-0001.txt": WINGS}, [("How is the lift of a swept wing measured?", {"abstract-0001.txt": 15.0})]
        )
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


WINGS = "The lift of a swept wing was measured in a wind tunnel at low speed. It falls with the angle of the sweep."


def _generated(file: str) -> list[dict[str, Any]]:
    """Articles of one passage: about towers for `dev`, about bridges, without relevant questions, for other files."""
    what = "tower" if file == "dev" else "bridge"
    builders = (("Karlen", 1874, "Marta Holm"), ("Sarn", 1931, "Ole Berg"), ("Oberau", 1958, "Ida Lenz"))
    return [_article(what, *each) for each in builders]


def _article(what: str, place: str, year: int, who: str) -> dict[str, Any]:
    text = f"The {what} of {place} was built in {year} by the engineer {who}. It stands on a hill above the river."
    entry = {"question": f"Who built the {what} of {place}?", "answers": [{"text": who}], "is_impossible": False}
    return {"title": f"{what} {place}", "paragraphs": [{"context": text, "qas": [entry]}]}


def _records(path: Path) -> list[dict[str, str]]:
    """Records of the SMART format: '.I 7' starts a record, '.T' and similar lines start a field."""
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
