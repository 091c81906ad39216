from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from app.releases.domain import (
    Canary,
    CodePin,
    EnvironmentReleases,
    FilesRefused,
    IndexPin,
    Manifest,
    ModelStep,
    ParameterNotFound,
    Pointer,
    Prompt,
    PromptUnusable,
    Release,
    ReleaseInputs,
    ReleaseUnservable,
    Scalar,
    canonical_json,
    digest_of,
    rebuild,
)

NOW = datetime(2026, 11, 22, tzinfo=UTC)
INPUTS = ReleaseInputs(
    code=CodePin(version="1.0.0", digest=digest_of(b"code")),
    prompts={"answer": Prompt.read("answer", b"Answer.")},
    chain=(ModelStep(provider="extractive", model="extractive"),),
    retrieval={"budget": 800, "dense_weight": 0.5},
    policies={"cost": b"a: 1"},
    prices=b"{}",
    settings={"refusal.words": 3, "budget": 1},
    suites=b"cases",
)
MANIFEST = INPUTS.manifest(IndexPin())


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({}, ()),
        ({"retrieval.budget": 800}, ()),
        ({"retrieval.budget": 900}, ("retrieval",)),
        ({"budget": 2}, ("settings",)),
        ({"refusal.words": None, "retrieval.dense_weight": 0}, ("retrieval", "settings")),
    ],
)
def test_a_parameter_is_changed_by_its_whole_name(changes: dict[str, Scalar], parts: tuple[str, ...]) -> None:
    changed = MANIFEST.changed(changes)
    assert changed.differs_in(MANIFEST) == MANIFEST.differs_in(changed) == parts
    assert (changed.id == MANIFEST.id) == (not parts)
    assert MANIFEST.retrieval["budget"] == 800


@pytest.mark.parametrize("name", ["", "dense_weight", "retrieval", "retrieval.", "retrieval.words", "refusal", "code"])
def test_an_unknown_parameter_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(ParameterNotFound) as refused:
        MANIFEST.changed({"budget": 2, name: 1})
    assert str(refused.value) == (
        f"'{name}' is not one of budget, refusal.words, retrieval.budget, retrieval.dense_weight."
    )


def test_inputs_that_were_refused_give_no_manifest() -> None:
    with pytest.raises(FilesRefused, match=r"policies/cost\.yaml is wrong"):
        replace(INPUTS, refused="policies/cost.yaml is wrong.").manifest(IndexPin())


def test_without_evaluation_cases_a_manifest_names_none() -> None:
    manifest = replace(INPUTS, suites=b"").manifest(IndexPin())
    assert manifest.evaluation is None
    assert len(manifest.digests()) == len(MANIFEST.digests()) - 1


def rebuilt(parts: dict[str, bytes], release_id: str = MANIFEST.id) -> Release:
    return rebuild(7, NOW, release_id, MANIFEST.model_dump_json(), parts)


def test_a_release_is_rebuilt_from_its_parts() -> None:
    release = rebuilt(INPUTS.parts())
    assert (release.manifest, release.prompts, release.policies, release.prices) == (
        MANIFEST,
        INPUTS.prompts,
        INPUTS.policies,
        INPUTS.prices,
    )
    assert release.short == MANIFEST.id[:12]
    assert release.prompt("answer").text == "Answer."
    with pytest.raises(PromptUnusable, match=rf"There is no prompts/judge\.md in release {release.short}"):
        release.prompt("judge")


@pytest.mark.parametrize(
    "damage",
    [
        lambda parts: parts.pop(digest_of(b"cases")),
        lambda parts: parts.clear(),
        lambda parts: parts.update({digest_of(b"Answer."): b"Answer!"}),
        lambda parts: parts.update({digest_of(b"more"): b"less"}),
    ],
)
def test_stored_parts_that_do_not_match_their_digests_are_refused(damage: Callable[[dict[str, bytes]], object]) -> None:
    parts = INPUTS.parts()
    damage(parts)
    with pytest.raises(ReleaseUnservable, match="stored parts of release 7"):
        rebuilt(parts)


def test_a_manifest_that_is_not_that_of_its_id_is_refused() -> None:
    with pytest.raises(ReleaseUnservable, match="stored parts of release 7"):
        rebuilt(INPUTS.parts(), "0" * 64)


def release_of(manifest: Manifest) -> Release:
    return Release(manifest.id, 1, manifest, NOW)


@pytest.mark.parametrize(
    ("percent", "loaded", "arm"),
    [(None, False, "live"), (None, True, "live"), (100, False, "live"), (100, True, "canary"), (0, True, "control")],
)
def test_a_canary_is_assigned_only_where_this_process_has_it(percent: float | None, loaded: bool, arm: str) -> None:
    live, other = release_of(MANIFEST), release_of(MANIFEST.changed({"budget": 2}))
    canary = None if percent is None else Canary(other.id, percent, NOW)
    releases = EnvironmentReleases(
        Pointer("production", live.id, None, canary, NOW), live, canary=other if loaded else None
    )
    assert releases.assign("anyone") == (other if arm == "canary" else live, arm)
    assert releases.by_arm == ({"live": live} if arm == "live" else {"control": live, "canary": other})


@pytest.mark.parametrize("address", ["http://ana@host/v1", "http://:secret@host/v1", "http://ana:secret@host/v1"])
def test_an_address_carries_neither_name_nor_password(address: str) -> None:
    with pytest.raises(ValidationError, match="no user name or password"):
        ModelStep(provider="p", model="m", address=address)
    for harmless in ("http://host/v1", None):
        assert ModelStep(provider="p", model="m", address=harmless).address == harmless


@pytest.mark.parametrize("content", [b"", b" \n", b"a\0b", b"\xff"])
def test_a_prompt_without_text_is_refused(content: bytes) -> None:
    with pytest.raises(PromptUnusable, match=r"prompts/answer\.md"):
        Prompt.read("answer", content)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1.0, b"1"),
        (1.5, b"1.5"),
        (float(2**53 - 1), b"9007199254740991"),
        (float(2**53), b"9007199254740992.0"),
        (-float(2**53), b"-9007199254740992.0"),
        ((1.0, {"b": 2.0, "a": [3.0]}), b'[1,{"a":[3],"b":2}]'),
    ],
)
def test_a_number_has_one_form(value: object, written: bytes) -> None:
    assert canonical_json(value) == written
