"""Train the classifier of screening, and measure it out of fold: `python scripts/train_injection_classifier.py DATA`.

DATA is a folder of *.jsonl files with `text`, `label` (attack or benign), `kind` and `source`, and perhaps `technique`;
a row with `injected` gives that text, and rows of the kind `indirect_plain`, whose injections are ordinary requests,
are measured but not learned from. The sentences of benign documents are learned as well. The rows stay where they are:
what is written are coefficients (app/adapters/screening/injection_ngrams.npz, int8) and the figures of folds that did
not see the row (benchmarks/results/injection_classifier.json). The handbook gives further benign sentences.
"""

import argparse
import hashlib
import itertools
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from app.adapters.screening.ngram_classifier import PATH  # noqa: E402
from app.adapters.screening.ngrams import BUCKETS, canonical, counted, vectors  # noqa: E402
from app.safety.domain.screening import screen_document  # noqa: E402
from app.safety.domain.windows import MAX_WHOLE_CHARACTERS, windows_of  # noqa: E402
from benchmarks.harness import write  # noqa: E402

FOLDS = 5
PENALTY = 0.03
"""Of the squared weights, beside the summed loss of all rows."""
BENIGN_FLAGGED = 0.02
"""The largest share of the benign rows of a kind that may be flagged: in a kind of fewer than fifty, none."""
STEPS = [round(0.5 + 0.1 * step, 1) for step in range(75)]
"""The thresholds that are tried."""
SENTENCES = 12
"""Of one benign document, so that long ones do not dominate."""
_MIN_DOCUMENT_FREQUENCY = 2


@dataclass(frozen=True)
class Row:
    """slice: what it is measured as. fold: of its text's first words, so that copies with other endings share it."""

    text: str
    attack: bool
    slice: str
    source: str
    learned: bool = True
    document: bool = False

    @property
    def fold(self) -> int:
        head = " ".join(canonical(self.text).split()[:6])
        return int(hashlib.sha256(head.encode()).hexdigest(), 16) % FOLDS


@dataclass(frozen=True)
class Fitted:
    weights: NDArray[np.float32]
    idf: NDArray[np.float32]
    bias: float

    def scores(self, texts: Sequence[str]) -> NDArray[np.float64]:
        return vectors([canonical(text) for text in texts], self.idf).scores(self.weights, self.bias)


def rows_in(folder: Path) -> Iterable[Row]:
    for path in sorted(folder.glob("*.jsonl")):
        for row in map(json.loads, path.open(encoding="utf-8")):
            if row.get("label") not in ("attack", "benign"):
                continue
            attack, document = row["label"] == "attack", "injected" in row
            name = ", ".join(filter(None, (path.stem, row["label"], row["kind"], row.get("technique"))))
            yield Row(row["text"], attack, name, row["source"], not document, document)
            if document and attack and row["kind"] != "indirect_plain":
                yield Row(row["injected"], True, "learned only", row["source"])
            if document and not attack:
                yield from sentences(row["text"], row["source"])


def sentences(text: str, source: str) -> Iterable[Row]:
    for window in windows_of(text)[:SENTENCES]:
        yield Row(window.text[:MAX_WHOLE_CHARACTERS], False, "learned only", source)


def handbook() -> Iterable[Row]:
    for page in sorted((ROOT / "docs").rglob("*.md")):
        for window in windows_of(page.read_text(encoding="utf-8")):
            if not screen_document(window.text):
                yield Row(window.text, False, "learned only", "the handbook of this service")


def fit(rows: Sequence[Row]) -> Fitted:
    """Logistic regression with a squared penalty, both classes weighing the same, by L-BFGS."""
    texts = [canonical(row.text) for row in rows]
    _, columns, _ = counted(texts)
    frequency = np.bincount(columns, minlength=BUCKETS)
    idf = (1 + np.log((1 + len(rows)) / (1 + frequency))).astype(np.float32)
    idf[frequency < _MIN_DOCUMENT_FREQUENCY] = 0.0
    found = vectors(texts, np.where(idf > 0, idf, 1e-6).astype(np.float32))
    signs = np.array([1.0 if row.attack else -1.0 for row in rows])
    weight = np.where(signs > 0, len(rows) / (2 * (signs > 0).sum()), len(rows) / (2 * (signs < 0).sum()))

    def loss(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        products = found.values * at[found.columns]
        margins = signs * (np.bincount(found.rows, products, minlength=len(rows)) + at[-1])
        slopes = -weight * signs / (1 + np.exp(np.clip(margins, -50, 50)))
        gradient = np.append(
            np.bincount(found.columns, found.values * slopes[found.rows], minlength=BUCKETS), slopes.sum()
        )
        gradient[:-1] += 2 * PENALTY * at[:-1]
        return float((weight * np.logaddexp(0, -margins)).sum() + PENALTY * (at[:-1] ** 2).sum()), gradient

    best = minimise(loss, np.zeros(BUCKETS + 1))
    return Fitted(best[:-1].astype(np.float32), np.where(idf > 0, idf, 1e-6).astype(np.float32), float(best[-1]))


def minimise(loss: Any, at: NDArray[np.float64], steps: int = 60, memory: int = 8) -> NDArray[np.float64]:
    value, gradient = loss(at)
    moves: list[tuple[NDArray[np.float64], NDArray[np.float64], float]] = []
    for _ in range(steps):
        direction = -_inverse(moves, gradient)
        length, slope = 1.0 if moves else 1.0 / max(1.0, float(np.abs(gradient).sum())), float(gradient @ direction)
        while True:
            there = at + length * direction
            new, changed = loss(there)
            if new <= value + 1e-4 * length * slope or length < 1e-8:
                break
            length /= 2
        step, bend = there - at, changed - gradient
        if step @ bend > 1e-10:
            moves = [*moves, (step, bend, 1 / float(step @ bend))][-memory:]
        if value - new < 1e-5 * abs(value):
            return there
        at, value, gradient = there, new, changed
    return at


def _inverse(moves: Sequence[tuple[Any, Any, float]], gradient: NDArray[np.float64]) -> NDArray[np.float64]:
    turned, used = gradient.copy(), []
    for step, bend, scale in reversed(moves):
        share = scale * float(step @ turned)
        used.append(share)
        turned -= share * bend
    if moves:
        step, bend, _ = moves[-1]
        turned *= float(step @ bend) / float(bend @ bend)
    for (step, bend, scale), share in zip(moves, reversed(used), strict=True):
        turned += step * (share - scale * float(bend @ turned))
    return turned


def judged(model: Fitted, rows: Sequence[Row]) -> list[tuple[float, float]]:
    """For each row the score of its whole text, minus infinity for one too long, and the highest of its sentences."""
    windows = [(place, window) for place, row in enumerate(rows) for window in windows_of(row.text)]
    scores = model.scores([window.text for _, window in windows]) if windows else []
    best = [[-np.inf, -np.inf] for _ in rows]
    for (place, window), score in zip(windows, scores, strict=True):
        kind = 0 if window.whole else 1
        best[place][kind] = max(best[place][kind], float(score))
    return [(whole, sentence) for whole, sentence in best]


def out_of_fold(rows: Sequence[Row], key: Any) -> list[tuple[float, float]]:
    """Each row is scored by a model that saw no row with the same key."""
    result: list[tuple[float, float]] = [(-np.inf, -np.inf)] * len(rows)
    for group in sorted({key(row) for row in rows if row.slice != "learned only"}, key=str):
        model = fit([row for row in rows if row.learned and key(row) != group])
        mine = [place for place, row in enumerate(rows) if key(row) == group and row.slice != "learned only"]
        for place, scores in zip(mine, judged(model, [rows[place] for place in mine]), strict=True):
            result[place] = scores
        print(f"{group}: {len(mine)} rows", file=sys.stderr)
    return result


def thresholds(rows: Sequence[Row], scores: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Of a whole text and of a sentence: those that find the largest part of each kind of attack, on average, where no
    kind of benign rows has more than the permitted share flagged, by rules and classifier together."""
    kinds: dict[tuple[bool, str], list[tuple[float, float, float]]] = defaultdict(list)
    for row, (whole, sentence) in zip(rows, scores, strict=True):
        if measured(row):
            kinds[row.attack, kind_of(row)].append((float(found_by_rules(row.text)), whole, sentence))
    attacks, benign = ([np.array(kinds[key]) for key in kinds if key[0] is attack] for attack in (True, False))
    found = [
        (sum(float(flagged(each, pair).mean()) for each in attacks), pair)
        for pair in itertools.product(STEPS, STEPS)
        if all(flagged(each, pair).sum() <= BENIGN_FLAGGED * len(each) for each in benign)
    ]
    # The lowest of those that find the same: what is not among these rows may be an attack too.
    return max(found, key=lambda each: (round(each[0], 6), -each[1][0], -each[1][1]))[1]


def kind_of(row: Row) -> str:
    """Without the technique: too few rows have the same one."""
    return ", ".join(row.slice.split(", ")[:3])


def flagged(rows: NDArray[np.float64], bounds: tuple[float, float]) -> NDArray[np.bool_]:
    hits: NDArray[np.bool_] = (rows[:, 0] > 0) | (rows[:, 1] >= bounds[0]) | (rows[:, 2] >= bounds[1])
    return hits


def found_by_rules(text: str) -> bool:
    return any(finding.rule.startswith(("instr", "hidden_instr")) for finding in screen_document(text))


def measured(row: Row) -> bool:
    return row.slice != "learned only"


def figures(rows: Sequence[Row], scores: Sequence[tuple[float, float]], bounds: tuple[float, float]) -> dict[str, str]:
    counts: dict[str, dict[str, int]] = defaultdict(lambda: {"rows": 0, "rules": 0, "classifier": 0, "either": 0})
    for row, (whole, sentence) in zip(rows, scores, strict=True):
        if measured(row):
            rules = found_by_rules(row.text)
            model = whole >= bounds[0] or sentence >= bounds[1]
            found = counts[row.slice]
            for name, hit in (("rows", True), ("rules", rules), ("classifier", model), ("either", rules or model)):
                found[name] += hit
    text = "{either} of {rows}: {rules} by rules, {classifier} by the classifier"
    return {name: text.format(**found) for name, found in sorted(counts.items())}


def store(model: Fitted, bounds: tuple[float, float]) -> str:
    """Writes the coefficients in eight bits, and returns their SHA-256."""
    weight_step, idf_step = np.float32(np.abs(model.weights).max() / 127), np.float32(model.idf.max() / 255)
    np.savez_compressed(
        PATH,
        weights=np.round(model.weights / weight_step).astype(np.int8),
        weight_step=weight_step,
        idf=np.round(model.idf / idf_step).astype(np.uint8),
        idf_step=idf_step,
        numbers=np.array([model.bias, *bounds]),
    )
    return hashlib.sha256(PATH.read_bytes()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="a folder of *.jsonl files")
    folder: Path = parser.parse_args().data
    rows = [*rows_in(folder), *handbook()]
    by_fold = out_of_fold(rows, lambda row: row.fold)
    bounds = thresholds(rows, by_fold)
    digest = store(fit([row for row in rows if row.learned]), bounds)
    by_source = out_of_fold(rows, lambda row: re.split(r"[/ ]", row.source)[0])
    learned = [row for row in rows if row.learned]
    files = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("injection_*.jsonl"))
    }
    write(
        "injection_classifier",
        {
            "command": "python scripts/train_injection_classifier.py DATA",
            "rows_learned": {"attack": sum(r.attack for r in learned), "benign": sum(not r.attack for r in learned)},
            "data_sha256": files,
            "coefficients_sha256": digest,
            "coefficients_bytes": PATH.stat().st_size,
            "thresholds": {"whole_text": round(bounds[0], 4), "sentence": round(bounds[1], 4)},
            "flagged_by_slice_out_of_fold": figures(rows, by_fold, bounds),
            "flagged_by_slice_source_not_seen": figures(rows, by_source, bounds),
        },
    )


if __name__ == "__main__":
    main()
