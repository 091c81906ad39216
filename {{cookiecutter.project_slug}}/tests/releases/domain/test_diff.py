from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from app.releases.domain import CodePin, IndexPin, Manifest, ModelStep, Prompt, Release, digest_of
from app.releases.domain.diff import ReleaseChange, compare

SMALL = ModelStep(provider="openai", model="small", parameters={"temperature": 0.0})
ELSEWHERE = ModelStep(provider="azure", model="small", address="https://a.example", parameters={"temperature": 0.0})
LARGE = ModelStep(provider="openai", model="large")


def release(prompts: dict[str, str] | None = None, policies: dict[str, str] | None = None, **parts: Any) -> Release:
    read = {name: Prompt.read(name, text.encode()) for name, text in (prompts or {"answer": "Answer."}).items()}
    files = {name: text.encode() for name, text in (policies or {}).items()}
    defaults: dict[str, Any] = {
        "code": CodePin(version="1.0.0", digest="0" * 64),
        "chain": (SMALL,),
        "index": IndexPin(id=UUID(int=1), embedder="e", chunker="c"),
        "retrieval": {"budget": 800},
        "prices": "1" * 64,
        "settings": {"deadline_seconds": 8.0},
    }
    manifest = Manifest(
        prompts={name: each.digest for name, each in read.items()},
        policies={name: digest_of(content) for name, content in files.items()},
        **{**defaults, **parts},
    )
    return Release(manifest.id, 1, manifest, datetime(2030, 1, 1, tzinfo=UTC), read, files)


@pytest.mark.parametrize("chain", [(), (SMALL,), (SMALL, ELSEWHERE), (SMALL, SMALL)])
def test_a_release_does_not_differ_from_itself(chain: tuple[ModelStep, ...]) -> None:
    same = release(chain=chain, policies={"cost": "a: 1"})
    assert compare(same, same) == ()


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ({"retrieval": {"budget": 1}}, {"retrieval": {"budget": 2}}, ("parameter", "retrieval.budget", "1", "2")),
        ({"retrieval": {}}, {"retrieval": {"budget": 2}}, ("parameter", "retrieval.budget", "", "2")),
        ({"settings": {"a.b": True}}, {"settings": {}}, ("parameter", "a.b", "True", "")),
        ({"settings": {"a": 0}}, {"settings": {"a": None}}, ("parameter", "a", "0", "")),
        ({"prices": "a" * 64}, {"prices": "b" * 64}, ("prices", "price table", "a" * 12, "b" * 12)),
        ({}, {"evaluation": "b" * 64}, ("suites", "evals/", "", "b" * 12)),
        ({"evaluation": "a" * 64}, {}, ("suites", "evals/", "a" * 12, "")),
        (
            {},
            {"code": CodePin(version="1.1.0", digest="a" * 64)},
            ("code", "app", "1.0.0 000000000000", "1.1.0 aaaaaaaaaaaa"),
        ),
        (
            {},
            {"index": IndexPin(id=UUID(int=2), embedder="f", chunker="c")},
            ("index", "index", f"e c {UUID(int=1)}", f"f c {UUID(int=2)}"),
        ),
    ],
)
def test_one_changed_part_is_one_change(
    before: dict[str, Any], after: dict[str, Any], change: tuple[Any, str, str, str]
) -> None:
    assert compare(release(**before), release(**after)) == (ReleaseChange(*change),)


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ((SMALL,), (LARGE,), [("chain", "small", "large")]),
        ((SMALL,), (SMALL, LARGE), [("chain", "small", "small > large")]),
        ((SMALL, LARGE), (), [("chain", "small > large", "")]),
        ((SMALL, LARGE), (LARGE, SMALL), [("chain", "small > large", "large > small")]),
        (
            (SMALL,),
            (SMALL.model_copy(update={"parameters": {"temperature": 1.0, "seed": 7}}),),
            [("small.seed", "", "7"), ("small.temperature", "0.0", "1.0")],
        ),
        (
            (SMALL,),
            (ELSEWHERE,),
            [("small.address", "", "https://a.example"), ("small.provider", "openai", "azure")],
        ),
        (
            (SMALL, ELSEWHERE),
            (SMALL, ELSEWHERE.model_copy(update={"address": "https://b.example"})),
            [("small.address", "https://a.example", "https://b.example")],
        ),
    ],
)
def test_the_chain_is_compared_step_by_step(
    old: tuple[ModelStep, ...], new: tuple[ModelStep, ...], changes: list[tuple[str, str, str]]
) -> None:
    found = compare(release(chain=old), release(chain=new))
    assert [(each.part, each.name, each.before, each.after) for each in found] == [("model", *each) for each in changes]


def test_providers_of_one_model_that_change_places_are_a_change() -> None:
    found = compare(release(chain=(SMALL, ELSEWHERE)), release(chain=(ELSEWHERE, SMALL)))
    assert [(each.before, each.after) for each in found if each.name == "small.provider"] == [
        ("openai", "azure"),
        ("azure", "openai"),
    ]


def test_texts_are_shown_as_a_diff_in_the_order_of_their_names() -> None:
    old = release(prompts={"b": "one\ntwo\n", "a": "same"}, policies={"cost": "a: 1\n"})
    new = release(prompts={"b": "one\nthree\n", "a": "same", "c": "new"}, policies={"data": "b: 1\n"})
    found = compare(old, new)
    assert [(each.part, each.name, each.before, each.after) for each in found] == [
        ("prompt", "b", "2 lines", "2 lines"),
        ("prompt", "c", "", "1 lines"),
        ("policy", "cost", "1 lines", ""),
        ("policy", "data", "", "1 lines"),
    ]
    assert found[0].text.splitlines() == [
        "--- before/b.md",
        "+++ after/b.md",
        "@@ -1,2 +1,2 @@",
        " one",
        "-two",
        "+three",
    ]
    assert found[2].text.splitlines()[:2] == ["--- before/cost.yaml", "+++ after/cost.yaml"]
