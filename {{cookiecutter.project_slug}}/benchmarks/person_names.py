"""What a small language model of a package would find of the names of people, which this service does not look for.

PACKAGE is a pipeline of spaCy with a label PERSON, installed in an environment of its own: it is no dependency of this
service. FILE has rows with `text`, `spans` (start, end, type), `lang` and `source`. A span is found where half of the
longer of both overlaps. Run with `python -m benchmarks.person_names --package PACKAGE --data FILE`. Seconds.
"""

import argparse
import importlib
import json
import resource
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import write

Span = tuple[int, int]
SHORT = [{"text": "Ana Holm pays.", "spans": [[0, 8, "PERSON"]], "lang": "en", "source": "made up"}]


def overlaps(one: Span, other: Span) -> bool:
    longer = max(one[1] - one[0], other[1] - other[0])
    return min(one[1], other[1]) - max(one[0], other[0]) >= longer / 2


def figures(pairs: Iterable[tuple[Sequence[Span], Sequence[Span]]]) -> dict[str, float]:
    """Precision, recall and F1 of what was found, beside what is there."""
    right = missed = false = 0
    for there, found in pairs:
        hits = sum(any(overlaps(each, other) for other in found) for each in there)
        right, missed = right + hits, missed + len(there) - hits
        false += sum(not any(overlaps(each, other) for other in there) for each in found)
    precision, recall = right / max(1, right + false), right / max(1, right + missed)
    f1 = 2 * right / max(1, 2 * right + false + missed)
    return {"spans": right + missed, "precision": round(precision, 3), "recall": round(recall, 3), "f1": round(f1, 3)}


def measured(rows: Sequence[dict[str, Any]], names_in: Callable[[str], list[Span]]) -> dict[str, Any]:
    parts: dict[str, list[tuple[list[Span], list[Span]]]] = defaultdict(list)
    began = time.process_time()
    for row in rows:
        there = [(start, end) for start, end, kind in row["spans"] if kind == "PERSON"]
        parts[f"{row['source']}, {row['lang']}"].append((there, names_in(row["text"])))
    spent = round((time.process_time() - began) * 1000 / len(rows), 2)
    return {"milliseconds_a_text": spent, "by_source": {name: figures(pairs) for name, pairs in sorted(parts.items())}}


def names_by(package: str) -> Callable[[str], list[Span]]:
    pipeline = importlib.import_module(package).load()
    return lambda text: [(each.start_char, each.end_char) for each in pipeline(text).ents if each.label_ == "PERSON"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--package", help="the module of a pipeline of spaCy")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--short", action="store_true", help="one made-up row and no package; writes no result")
    options = parser.parse_args()
    if options.short:
        print(json.dumps(measured(SHORT, lambda text: [(0, text.index(" pays"))]), indent=2))
        return
    rows = [json.loads(line) for line in options.data.read_text(encoding="utf-8").splitlines()]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = measured(rows, names_by(options.package))
    megabytes = round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
    write("person_names", {"package": options.package, "added_megabytes": megabytes, **result})


if __name__ == "__main__":
    main()
