"""The differences between two releases, for a reviewer."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from app.releases.domain.manifest import ModelStep, Release

ChangedPart = Literal["prompt", "model", "parameter", "policy", "index", "prices", "suites", "code"]


@dataclass(frozen=True, slots=True)
class ReleaseChange:
    """One part that differs. before, after: a value or a digest, empty where there is none. text: a unified diff."""

    part: ChangedPart
    name: str
    before: str
    after: str
    text: str = ""


def compare(old: Release, new: Release) -> tuple[ReleaseChange, ...]:
    """Every part that differs, the texts of prompts first; nothing for the same release."""
    return tuple(_changes(old, new))


def _changes(old: Release, new: Release) -> Iterator[ReleaseChange]:
    prompts = {n: p.text for n, p in old.prompts.items()}, {n: p.text for n, p in new.prompts.items()}
    yield from _texts("prompt", *prompts, ".md")
    yield from _chain(old, new)
    yield from _values(
        {f"retrieval.{k}": v for k, v in old.manifest.retrieval.items()} | dict(old.manifest.settings),
        {f"retrieval.{k}": v for k, v in new.manifest.retrieval.items()} | dict(new.manifest.settings),
    )
    yield from _index(old, new)
    policies = {n: c.decode() for n, c in old.policies.items()}, {n: c.decode() for n, c in new.policies.items()}
    yield from _texts("policy", *policies, ".yaml")
    if old.manifest.prices != new.manifest.prices:
        yield ReleaseChange("prices", "price table", old.manifest.prices[:12], new.manifest.prices[:12])
    if old.manifest.evaluation != new.manifest.evaluation:
        yield ReleaseChange("suites", "evals/", _short(old.manifest.evaluation), _short(new.manifest.evaluation))
    if old.manifest.code != new.manifest.code:
        before, after = old.manifest.code, new.manifest.code
        versions = [f"{each.version} {each.digest[:12]}" for each in (before, after)]
        yield ReleaseChange("code", "app", *versions)


def _short(digest: str | None) -> str:
    return digest[:12] if digest else ""


def _texts(part: ChangedPart, old: Mapping[str, str], new: Mapping[str, str], ending: str) -> Iterator[ReleaseChange]:
    for name in sorted({*old, *new}):
        before, after = old.get(name, ""), new.get(name, "")
        if before != after:
            lines = difflib.unified_diff(
                before.splitlines(), after.splitlines(), f"before/{name}{ending}", f"after/{name}{ending}", lineterm=""
            )
            yield ReleaseChange(part, name, _size(before), _size(after), "\n".join(lines))


def _size(text: str) -> str:
    return f"{len(text.splitlines())} lines" if text else ""


def _values(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[ReleaseChange]:
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield ReleaseChange("parameter", name, _display(old.get(name)), _display(new.get(name)))


def _display(value: Any) -> str:
    return "" if value is None else str(value)


def _chain(old: Release, new: Release) -> Iterator[ReleaseChange]:
    old_chain, new_chain = old.manifest.chain, new.manifest.chain
    names = [" > ".join(step.model for step in chain) for chain in (old_chain, new_chain)]
    if names[0] != names[1]:
        yield ReleaseChange("model", "chain", *names)
    former = _steps(old_chain)
    for key, step in _steps(new_chain).items():
        if key in former:
            for change in _values(_flat(former[key]), _flat(step)):
                yield ReleaseChange("model", f"{step.model}.{change.name}", change.before, change.after)


def _steps(chain: Iterable[ModelStep]) -> dict[tuple[str, int], ModelStep]:
    """The steps by model and by how often that model came before, as a chain may name one of several providers."""
    steps: dict[tuple[str, int], ModelStep] = {}
    for step in chain:
        steps[step.model, sum(model == step.model for model, _ in steps)] = step
    return steps


def _flat(step: ModelStep) -> dict[str, Any]:
    return {**step.model_dump(mode="json", exclude={"parameters"}), **step.parameters}


def _index(old: Release, new: Release) -> Iterator[ReleaseChange]:
    pins = (old.manifest.index, new.manifest.index)
    if pins[0] != pins[1]:
        yield ReleaseChange("index", "index", *(f"{pin.embedder} {pin.chunker} {pin.id}" for pin in pins))
