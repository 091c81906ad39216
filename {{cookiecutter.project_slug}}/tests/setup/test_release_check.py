from collections.abc import Mapping
from dataclasses import replace

import pytest
from pydantic import SecretStr

from app.actions.domain import NOTHING_OFFERED
from app.adapters.chat.choice import ModelChoice
from app.core.policies import PolicyModel
from app.inference.domain.release_names import PROMPT
from app.inference.domain.review_policy import NO_REVIEW, ReviewPolicy
from app.releases.domain import ModelStep, Release, ReleaseUnservable
from app.setup.release_check import BEFORE, RELEASED, ReleaseCheck
from app.wiring import State

LOCAL, OTHER = "http://127.0.0.1:8080/v1", "http://127.0.0.1:9090/v1"
LARGE = ModelStep(provider="local", model="large", address=LOCAL, parameters={"timeout_seconds": 7.0})


@pytest.fixture
async def release(state: State) -> Release:
    return await state.environments.resolve()


def with_chain(release: Release, *chain: ModelStep) -> Release:
    return replace(release, manifest=release.manifest.model_copy(update={"chain": chain}))


def check(state: State, *choices: ModelChoice) -> ReleaseCheck:
    return ReleaseCheck(state.retrieval.indexes, choices)


def choice(model: str, address: str, key: str) -> ModelChoice:
    return ModelChoice(model=model, base_url=address, api_key=SecretStr(key))


async def test_a_release_of_this_process_can_be_served(state: State, release: Release) -> None:
    checked = await check(state).check(release)
    assert list(checked.models) == []
    assert checked.index.fingerprint.embedder == release.manifest.index.embedder
    assert set(checked.policies.loaded) == set(RELEASED)


@pytest.mark.parametrize(
    ("choices", "key"),
    [
        ([("small", LOCAL, "of small"), ("large", LOCAL, "of large")], "of large"),
        ([("small", LOCAL, "of small")], "of small"),
        ([("large", OTHER, "of another host")], None),
        ([], None),
    ],
    ids=["of the same model", "of another model there", "never of another host", "none"],
)
async def test_the_key_of_a_model_is_that_of_its_address_in_this_process(
    state: State, release: Release, choices: list[tuple[str, str, str]], key: str | None
) -> None:
    checking = check(state, *(choice(*each) for each in choices))
    model = checking._choice(LARGE)
    assert (model.api_key and model.api_key.get_secret_value()) == key
    assert (model.model, model.base_url, model.timeout_seconds) == ("large", LOCAL, 7.0)


BROKEN: Mapping[str, tuple[Mapping[str, object], str]] = {
    "a prompt is missing": ({"prompts": {}}, f"prompts/{PROMPT}.md"),
    "a policy is missing": ({"policies": {}}, "cannot be served here"),
    "the prices cannot be read": ({"prices": b"{"}, "cannot be served here"),
}


@pytest.mark.parametrize("change", BROKEN)
async def test_a_release_with_unusable_parts_is_not_servable(state: State, release: Release, change: str) -> None:
    changes, words = BROKEN[change]
    with pytest.raises(ReleaseUnservable, match=words):
        await check(state).preload(replace(release, **changes))  # type: ignore[arg-type]


async def test_a_release_with_a_model_that_has_no_price_is_not_servable(state: State, release: Release) -> None:
    with pytest.raises(ReleaseUnservable, match=f"Release {release.number} cannot be served here: .*unheard-of"):
        await check(state).check(with_chain(release, ModelStep(provider="openai", model="unheard-of", address=LOCAL)))


@pytest.mark.parametrize(("name", "default"), [("review", NO_REVIEW), ("actions", NOTHING_OFFERED), ("privacy", None)])
async def test_a_release_without_a_newer_policy_gets_its_default(
    state: State, release: Release, name: str, default: PolicyModel | None
) -> None:
    older = {each: content for each, content in release.policies.items() if each != name}
    checked = await check(state).check(replace(release, policies=older))
    assert checked.policies.loaded[name] == (default or BEFORE[name])
    assert (checked.policies.get(ReviewPolicy) == NO_REVIEW) is (name == "review")


async def test_a_release_that_would_send_confidential_text_to_a_tool_server_is_not_servable(
    state: State, release: Release
) -> None:
    server = b"servers:\n  tracker:\n    url: https://tracker.example/mcp\n"
    ownership = release.policies["ownership"].replace(b"internal", b"confidential")
    policies = {**release.policies, "ownership": ownership, "actions": release.policies["actions"] + server}
    with pytest.raises(ReleaseUnservable, match="would be sent to https://tracker"):
        await check(state).check(replace(release, policies=policies))
