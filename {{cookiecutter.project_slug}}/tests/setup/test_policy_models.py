"""A misspelt field of a policy stops the start, however deep it stands: every model of every policy is walked."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from app.core.errors import StartRefused
from app.core.policies import load_policies
from app.wiring import POLICIES
from tests.conftest import ROOT, TESTED

Place = tuple[str | int, ...]
MISSPELT = "misspelt_field"
TOOL = {"digest": "a" * 64, "risk": "read", "permission": "tickets:read"}
BY_CLASS = {"public": "keep", "internal": "keep", "confidential": "keep"}
BEYOND: dict[str, dict[str, Any]] = {
    "actions": {
        "offered": {"add_ticket_note": {"per_hour": 5, "arguments": {}}},
        "servers": {"desk": {"url": "https://tools.example.com/mcp", "tools": {"find": TOOL}}},
    },
    "cost": {"prices": {"some-model": {"input": 1, "output": 2}}},
    "data": {"sources": {"handbook": {"duplicates": {}, "freshness": {}}}},
    "identity": {"accounts": {"machine": {"tenant": "one", "roles": ["user"]}}, "tokens": {}, "sessions": {}},
    "privacy": {"personal_data": dict.fromkeys(("questions", "documents", "prompts", "answers"), BY_CLASS)},
    "business": {"outcomes": {"sold": {"means": "resolved", "value_usd": 1}}},
}
"""Blocks that the shipped files leave out, or have no entry of."""


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for each in get_args(annotation):
        yield from models_in(each)


def all_models(model: type[BaseModel], seen: set[type[BaseModel]]) -> set[type[BaseModel]]:
    if model not in seen:
        seen.add(model)
        for field in model.model_fields.values():
            for inner in models_in(field.annotation):
                all_models(inner, seen)
    return seen


def blocks(value: Any, path: Place = ()) -> Iterator[Place]:
    """The paths of all mappings in it."""
    if isinstance(value, dict):
        yield path
        for name, each in value.items():
            yield from blocks(each, (*path, name))
    if isinstance(value, list):
        for number, each in enumerate(value):
            yield from blocks(each, (*path, number))


def content(policy: str) -> dict[str, Any]:
    shipped = yaml.safe_load((ROOT / "policies" / f"{policy}.yaml").read_text(encoding="utf-8"))
    for name, value in BEYOND.get(policy, {}).items():
        shipped[name] = {**(shipped.get(name) or {}), **value}
    return dict(shipped)


def model_at(annotation: Any, path: Place) -> type[BaseModel] | None:
    """The model that reads what stands there; None for a mapping whose names are free."""
    found = list(models_in(annotation))
    if not path:
        return found[0] if isinstance(annotation, type) and issubclass(annotation, BaseModel) else _direct(annotation)
    for model in found:
        direct = _direct(annotation)
        if direct is model and path[0] in model.model_fields:
            return model_at(model.model_fields[str(path[0])].annotation, path[1:])
    return model_at(found[0], path[1:]) if found and _direct(annotation) is None else None


def _direct(annotation: Any) -> type[BaseModel] | None:
    """The model that the annotation is itself, also in a union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    origin = str(getattr(annotation, "__origin__", annotation))
    if "Mapping" in origin or "tuple" in origin or "list" in origin or "dict" in origin:
        return None
    return next((found for each in get_args(annotation) if (found := _direct(each))), None)


PLACES = [
    (policy, path)
    for policy, model in POLICIES.items()
    for path in blocks(content(policy))
    if model_at(model, path) is not None
]


@pytest.mark.parametrize("policy", POLICIES)
def test_no_model_of_a_policy_takes_unknown_fields_or_can_be_changed(policy: str) -> None:
    lax = [
        each.__name__
        for each in all_models(POLICIES[policy], set())
        if each.model_config.get("extra") != "forbid" or not each.model_config.get("frozen")
    ]
    assert lax == []


@pytest.mark.parametrize(("policy", "path"), PLACES, ids=[".".join(map(str, (name, *path))) for name, path in PLACES])
def test_a_misspelt_field_stops_the_start_and_is_named(policy: str, path: Place, tmp_path: Path) -> None:
    shutil.copytree(TESTED / "policies", tmp_path / "policies")
    changed = content(policy)
    block: Any = changed
    for name in path:
        block = block[name]
    block[MISSPELT] = 1
    (tmp_path / "policies" / f"{policy}.yaml").write_text(yaml.safe_dump(changed), encoding="utf-8")
    with pytest.raises(StartRefused, match=f"{policy}.yaml.*{MISSPELT}"):
        load_policies(tmp_path / "policies", POLICIES)


def test_every_model_has_a_place_where_that_was_tried() -> None:
    tried = {model_at(POLICIES[policy], path) for policy, path in PLACES}
    missing = {each.__name__ for model in POLICIES.values() for each in all_models(model, set()) - tried}
    assert missing == set()
