"""Precision, recall and F1 of the detection of personal data by kind and locale, and its CPU time for a chunk of 1 kB.

A span counts as found when a finding of its kind covers half of it. Two sets: generated sentences in sixteen locales
(benchmarks/personal_data_rows.py), and the rows of --data, which are not part of this repository: a *.jsonl file with
`text`, `lang` and `spans` of [start, end, type]. Of its types those without checksum or context are not looked for:
names of people, streets, places, organizations. The detection was tuned on both. `--short` runs a few generated rows
and writes no result. Run with `python -m benchmarks.personal_data --data FILE`. A minute.
"""

import argparse
import json
import statistics
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from app.safety.domain.personal_data.detection import PersonalDataDetector
from benchmarks.harness import ROOT, write
from benchmarks.personal_data_rows import Row, rows

TYPES = {
    "CREDIT_CARD": "card",
    "EMAIL_ADDRESS": "email",
    "PHONE_NUMBER": "phone",
    "IBAN_CODE": "iban",
    "NATIONAL_ID": "national_id",
    "US_SSN": "national_id",
    "IP_ADDRESS": "ip_address",
    "DATE_OF_BIRTH": "date_of_birth",
    "PASSPORT": "passport",
    "US_PASSPORT": "passport",
    "DRIVER_LICENSE": "driving_licence",
    "US_DRIVER_LICENSE": "driving_licence",
    "MAC_ADDRESS": "mac_address",
    "CRYPTO": "crypto_address",
}
"""Types of labelled sets, by the kind that they are here."""
CHUNK = 1000


def read_rows(path: Path) -> list[Row]:
    """Dates are labelled whether they are of a birth or not: of these none is looked for, and none counts as false."""
    found = []
    for row in map(json.loads, path.open(encoding="utf-8")):
        dates = [(start, end) for start, end, kind in row["spans"] if kind == "DATE_TIME"]
        spans = [(start, end, TYPES[kind]) for start, end, kind in row["spans"] if kind in TYPES]
        ignored = [(start, end, "ignored") for start, end in dates]
        found.append(Row(row["text"], row.get("lang", "?"), (*spans, *ignored)))
    return found


def covers(found: tuple[int, int, str], span: tuple[int, int, str]) -> bool:
    shared = min(found[1], span[1]) - max(found[0], span[0])
    return found[2] == span[2] and shared * 2 >= span[1] - span[0]


def counted(detector: PersonalDataDetector, data: Iterable[Row]) -> Counter[tuple[str, str, str]]:
    """How often by (kind, locale, outcome): found, missed or false."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for row in data:
        found = [(each.start, each.end, each.kind) for each in detector.find(row.text)]
        ignored = [span for span in row.spans if span[2] == "ignored"]
        spans = [span for span in row.spans if span[2] != "ignored"]
        for span in spans:
            counts[span[2], row.locale, "found" if any(covers(each, span) for each in found) else "missed"] += 1
        for each in found:
            if any(each[0] < end and start < each[1] for start, end, _ in ignored):
                continue
            counts[each[2], row.locale, "false"] += not any(covers(each, span) for span in spans)
    return counts


def scores(counts: Counter[tuple[str, str, str]], part: int) -> dict[str, dict[str, float]]:
    """part: 0 by kind, 1 by locale."""
    totals: Counter[tuple[str, str]] = Counter()
    for key, count in counts.items():
        totals[key[part], key[2]] += count
    return {name: score(totals, name) for name in sorted({name for name, _ in totals})}


def score(totals: Counter[tuple[str, str]], name: str) -> dict[str, float]:
    found, missed, false = (totals[name, outcome] for outcome in ("found", "missed", "false"))
    precision = found / (found + false) if found + false else 1.0
    recall = found / (found + missed) if found + missed else 1.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {
        "spans": found + missed,
        "false": false,
        "precision": round(precision, 4),
        "recall": round(recall, 4),
        "f1": round(f1, 4),
    }


def worst(counts: Counter[tuple[str, str, str]]) -> dict[str, Any]:
    """The kind and locale with the lowest F1."""
    pairs: Counter[tuple[str, str]] = Counter()
    for (kind, locale, outcome), count in counts.items():
        pairs[f"{kind} in {locale}", outcome] += count
    named = {name: score(pairs, name) for name, _ in pairs if not name.endswith("ordinary")}
    name = min(named, key=lambda each: named[each]["f1"])
    return {"of": name, "pairs": len(named), **named[name]}


def chunks(data: Sequence[Row]) -> dict[str, list[str]]:
    """Chunks of 1 kB: of the pages in docs/, and of sentences each of which has personal data."""
    pages = "\n".join(page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs").rglob("*.md")))
    dense = " ".join(row.text for row in data if row.spans)
    return {
        name: [text[at : at + CHUNK] for at in range(0, len(text) - CHUNK, CHUNK)][:300]
        for name, text in (("documentation", pages), ("only_personal_data", dense))
    }


def milliseconds(detector: PersonalDataDetector, texts: Sequence[str]) -> dict[str, float]:
    """Median and 95th percentile of CPU time over chunks, each the best of three."""
    times = sorted(min(_cpu(detector, text) for _ in range(3)) for text in texts)
    return {"median": round(statistics.median(times), 3), "p95": round(times[int(len(times) * 0.95)], 3)}


def _cpu(detector: PersonalDataDetector, text: str) -> float:
    began = time.process_time()
    detector.find(text)
    return (time.process_time() - began) * 1000


def measure(data: Sequence[Row]) -> dict[str, Any]:
    counts = counted(PersonalDataDetector(), data)
    return {"rows": len(data), "by_kind": scores(counts, 0), "by_locale": scores(counts, 1), "worst": worst(counts)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--data", type=Path, help="a *.jsonl file of labelled texts")
    chosen.add_argument("--short", action="store_true", help="a few generated rows; writes no result")
    options = parser.parse_args()
    detector = PersonalDataDetector()
    generated = rows(1 if options.short else 25)
    timed = {
        name: milliseconds(detector, texts[:3] if options.short else texts) for name, texts in chunks(generated).items()
    }
    result: dict[str, Any] = {"milliseconds_per_chunk": timed, "generated": measure(generated)}
    if options.short:
        print(json.dumps(result, indent=2))
        return
    labelled = {"labelled": measure(read_rows(options.data))}
    write("personal_data", {"command": "python -m benchmarks.personal_data --data FILE", **result, **labelled})


if __name__ == "__main__":
    main()
