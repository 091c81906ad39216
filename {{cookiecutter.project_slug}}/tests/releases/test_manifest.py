import json
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.releases.domain import (
    CodePin,
    IndexPin,
    Manifest,
    ModelStep,
    Prompt,
    PromptUnusable,
    ReleaseInputs,
    canonical_json,
    digest_of,
)
from app.releases.service import read_code, read_prompts

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)

INGREDIENTS = ReleaseInputs(
    code=CodePin(version="1.0.0", digest=digest_of(b"code")),
    prompts={"answer": Prompt.read("answer", b"Answer from the passages only.")},
    chain=(ModelStep(provider="extractive", model="extractive", parameters={"sentences": 3}),),
    retrieval={"limit": 10, "dense_weight": 0.5},
    policies={"cost": b"owner: someone\n"},
    prices=b"{}",
    settings={"deadline_seconds": 8.0},
)


@given(values)
def test_canonical_json_can_be_read_back_and_written_again_to_the_same_bytes(value: object) -> None:
    once = canonical_json(value)
    assert canonical_json(json.loads(once)) == once


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers()))
def test_the_order_of_keys_does_not_matter(value: dict[str, int]) -> None:
    assert canonical_json(dict(reversed(value.items()))) == canonical_json(value)


def test_a_whole_number_is_the_same_with_and_without_a_fraction() -> None:
    assert canonical_json({"weight": 1.0}) == canonical_json({"weight": 1})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(ValueError):
        canonical_json(value)


def test_the_same_ingredients_give_the_same_id() -> None:
    again = Manifest.model_validate_json(INGREDIENTS.manifest(IndexPin()).canonical)
    assert again.id == INGREDIENTS.manifest(IndexPin()).id
    assert again.canonical == INGREDIENTS.manifest(IndexPin()).canonical


@pytest.mark.parametrize(
    "change",
    [
        {"code": CodePin(version="1.0.0", digest=digest_of(b"other code"))},
        {"code": CodePin(version="1.0.1", digest=digest_of(b"code"))},
        {"prompts": {"answer": Prompt.read("answer", b"Answer from the passages only!")}},
        {"chain": ()},
        {"chain": (ModelStep(provider="extractive", model="extractive", parameters={"sentences": 1}),)},
        {"retrieval": {"limit": 10, "dense_weight": 0.4}},
        {"policies": {"cost": b"owner: someone else\n"}},
        {"prices": b"[]"},
        {"settings": {"deadline_seconds": 7.0}},
        {"suites": b'{"id": "a case"}'},
    ],
)
def test_any_changed_part_makes_another_release(change: dict[str, object]) -> None:
    changed = ReleaseInputs(**(vars(INGREDIENTS) | change))
    assert changed.manifest(IndexPin()).id != INGREDIENTS.manifest(IndexPin()).id


def test_another_index_makes_another_release() -> None:
    pinned = IndexPin(id=UUID(int=1), embedder="minilm", chunker="sections")
    assert INGREDIENTS.manifest(pinned).id != INGREDIENTS.manifest(IndexPin()).id


def test_a_manifest_cannot_be_changed_and_takes_nothing_unknown() -> None:
    manifest = INGREDIENTS.manifest(IndexPin())
    with pytest.raises(ValidationError):
        manifest.prices = "0" * 64  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Manifest.model_validate(manifest.model_dump() | {"surprise": 1})


def test_a_manifest_names_the_digest_of_each_part_that_it_was_made_from() -> None:
    manifest = INGREDIENTS.manifest(IndexPin())
    assert manifest.digests() == INGREDIENTS.parts().keys()
    assert all(digest_of(content) == digest for digest, content in INGREDIENTS.parts().items())


def test_an_address_with_a_password_never_enters_a_manifest() -> None:
    with pytest.raises(ValidationError, match="password"):
        ModelStep(provider="p", model="m", address="https://user:secret@models.example/v1")


def test_a_prompts_version_is_the_digest_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "answer.md").write_bytes("Fünf Wörter\r\n".encode())
    prompt = read_prompts(tmp_path)["answer"]
    assert prompt.digest == digest_of("Fünf Wörter\r\n".encode())
    assert prompt.text == "Fünf Wörter\r\n"


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe", b"a\0b"])
def test_an_unusable_prompt_stops_the_start_and_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "answer.md").write_bytes(content)
    with pytest.raises(PromptUnusable, match=r"prompts/answer\.md"):
        read_prompts(tmp_path)


def test_a_folder_without_prompts_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(PromptUnusable, match="no prompt"):
        read_prompts(tmp_path)


def test_the_code_digest_follows_names_and_bytes_of_every_file_but_compiled_and_hidden_ones(tmp_path: Path) -> None:
    def digest() -> str:
        return read_code(tmp_path, "1").digest

    (tmp_path / "room" / "__pycache__").mkdir(parents=True)
    (tmp_path / "room" / "domain.py").write_text("x = 1\n")
    seen = [digest()]
    for name in ("room/__pycache__/domain.cpython-311.pyc", "room/old.pyc", ".DS_Store", "room/.domain.py.swp"):
        (tmp_path / name).write_bytes(b"0")
        assert digest() == seen[0], name
    (tmp_path / "room" / "domain.py").write_text("x = 2\n")
    seen.append(digest())
    (tmp_path / "room" / "domain.py").rename(tmp_path / "room" / "service.py")
    seen.append(digest())
    for name in ("coefficients.npz", "letter.html", "terms.yaml"):
        (tmp_path / "room" / name).write_bytes(b"0")
        seen.append(digest())
    assert len(set(seen)) == len(seen)
