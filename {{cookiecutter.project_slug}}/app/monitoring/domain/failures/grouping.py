"""Groups of similar questions: average linkage, cut at a similarity, with the nearest-neighbour chain (Murtagh 1983).

Deterministic. Above MAX_LINKED questions a part, evenly spaced, is linked, and the others join the group they are
nearest to; what joins none is linked among itself.
"""

import numpy as np
from numpy.typing import NDArray

from app.monitoring.domain.question_vectors import QuestionArray

MAX_LINKED = 600
_ROUNDS = 6


def group(vectors: QuestionArray, similarity: float) -> NDArray[np.intp]:
    """The number of the group of each vector, from 0. vectors: (n, dimensions), of the length 1."""
    groups = np.full(len(vectors), -1, dtype=np.intp)
    for round_number in range(_ROUNDS):
        left = np.flatnonzero(groups < 0)
        if not len(left):
            break
        last = round_number == _ROUNDS - 1 or len(left) <= MAX_LINKED
        part = left if len(left) <= MAX_LINKED else left[np.linspace(0, len(left) - 1, MAX_LINKED).astype(np.intp)]
        labels = _linked(vectors[part], similarity)
        first = int(groups.max()) + 1
        _join(vectors, groups, left, (part, labels), similarity, first)
        if last:
            alone = np.flatnonzero(groups < 0)
            groups[alone] = int(groups.max()) + 1 + np.arange(len(alone))
    return np.unique(groups, return_inverse=True)[1].astype(np.intp)


def _join(
    vectors: QuestionArray,
    groups: NDArray[np.intp],
    left: NDArray[np.intp],
    linked: tuple[NDArray[np.intp], NDArray[np.intp]],
    similarity: float,
    first: int,
) -> None:
    """Gives each vector of `left` the group whose members it is most similar to on average, if that is enough."""
    part, labels = linked
    numbers, sizes = np.unique(labels, return_counts=True)
    whole = len(part) == len(left)
    chosen = numbers if whole else numbers[sizes >= 2]
    if not len(chosen):
        return
    centres = np.stack([vectors[part[labels == number]].mean(axis=0) for number in chosen])
    near = vectors[left] @ centres.T
    best = near.argmax(axis=1)
    enough = near[np.arange(len(left)), best] >= similarity
    groups[left[enough]] = first + best[enough]
    # What was linked stays together, also where a member is further from its centre than asked.
    for number, label in enumerate(chosen):
        groups[part[labels == label]] = first + number


def _linked(vectors: QuestionArray, similarity: float) -> NDArray[np.intp]:
    """Average linkage: the mean similarity of all pairs of two groups decides whether they are merged."""
    count = len(vectors)
    near = (vectors @ vectors.T).astype(np.float64)
    np.fill_diagonal(near, -np.inf)
    sizes, labels, active = np.ones(count), np.arange(count), np.ones(count, dtype=bool)
    chain: list[int] = []
    while chain or active.any():
        if not chain:
            chain.append(int(np.argmax(active)))
        top = chain[-1]
        best = int(near[top].argmax())
        if len(chain) > 1 and near[top, chain[-2]] >= near[top, best]:
            best = chain[-2]
        if near[top, best] < similarity:
            # Nothing that is merged later comes nearer to it.
            near[top], near[:, top], active[top] = -np.inf, -np.inf, False
            chain.pop()
        elif len(chain) > 1 and best == chain[-2]:
            _merge(near, sizes, labels, best, top)
            active[top] = False
            del chain[-2:]
        else:
            chain.append(best)
    return labels


def _merge(
    near: NDArray[np.float64], sizes: NDArray[np.float64], labels: NDArray[np.intp], into: int, gone: int
) -> None:
    weights = sizes[into] + sizes[gone]
    row = (sizes[into] * near[into] + sizes[gone] * near[gone]) / weights
    row[[into, gone]] = -np.inf
    near[into], near[:, into] = row, row
    near[gone], near[:, gone] = -np.inf, -np.inf
    sizes[into] = weights
    labels[labels == gone] = into
