"""The options of a model: what they may be, and how a release stores them."""

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from app.adapters.chat.choice import ModelChoice, options_of, parameters_of
from app.adapters.chat.fields import FIELDS
from app.adapters.chat.wire import body_of
from app.releases.domain import ModelStep
from tests.adapters.chat.test_tools import offered

BASE: dict[str, Any] = {"model": "m", "base_url": "http://127.0.0.1:9/v1"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"omit": ["messages"]}, "'messages' cannot be left out of a request"),
        ({"omit": ["temprature"]}, "'temprature' is no field of a request; the fields are frequency_penalty, "),
        ({"rename": {"model": "name"}}, "'model' is no field of a request that can have another name"),
        ({"rename": {"stop": "seed"}}, "'stop' cannot be called 'seed', which is another field"),
        ({"rename": {"stop": "end", "seed": "end"}}, "which is another field"),
        ({"rename": {"stop": "a b"}}, "may have letters, digits and underscores"),
        ({"api_keys": [""]}, "is empty"),
        ({"api_keys": ["sk-\n"]}, "begins or ends with a space"),
        ({"api_key": "schl\u00fcssel"}, "has a character that no key has"),
        ({"api_keys": ["k"] * 21}, "at most 20 items"),
        ({"limit_field": "max_tokens"}, "'limit_field' is no option any more: use omit or rename"),
    ],
)
def test_an_option_that_cannot_be_is_refused_in_words(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words.replace("(", r"\(")):
        ModelChoice(**BASE, **options)


def test_the_usual_name_of_the_limit_can_be_changed() -> None:
    choice = ModelChoice(**BASE, rename={"max_tokens": "max_completion_tokens"}, omit=("stop", "seed", "stop"))
    assert (choice.omit, choice.rename) == (("seed", "stop"), {"max_tokens": "max_completion_tokens"})


def test_all_keys_count_once() -> None:
    choice = ModelChoice(**BASE, api_key=SecretStr("a"), api_keys=(SecretStr("b"), SecretStr("a")))
    assert choice.keys == ("a", "b")
    assert ModelChoice(**BASE, api_key=SecretStr("")).keys == ()
    assert "'b'" not in repr(choice)


def test_a_release_stores_options_and_no_key() -> None:
    choice = ModelChoice(
        **BASE,
        api_keys=(SecretStr("b"),),
        omit=("temperature", "logprobs"),
        rename={"max_tokens": "max_completion_tokens", "stop": "ends"},
        starts_with_reasoning=True,
    )
    step = ModelStep(provider="p", model="m", parameters=parameters_of(choice))
    assert step.parameters["omit"] == "logprobs,temperature"
    assert step.parameters["rename"] == "max_tokens=max_completion_tokens,stop=ends"
    assert not {"api_key", "api_keys"} & step.parameters.keys()
    assert ModelChoice(**BASE, **options_of(step.parameters)) == choice.model_copy(update={"api_keys": ()})


def test_a_default_option_is_not_stored() -> None:
    assert not {"omit", "rename", "starts_with_reasoning"} & parameters_of(ModelChoice(**BASE)).keys()


def test_a_release_of_an_earlier_version_is_still_read() -> None:
    former = {"limit_field": "max_completion_tokens", "send_temperature": False, "send_logprobs": True}
    choice = ModelChoice(**BASE, **options_of(former | {"timeout_seconds": 7.0, "api_version": None}))
    assert (choice.omit, choice.rename) == (("temperature",), {"max_tokens": "max_completion_tokens"})
    assert choice.timeout_seconds == 7
    assert ModelChoice(**BASE, **options_of({"limit_field": "max_tokens"})) == ModelChoice(**BASE)


def test_every_field_of_a_request_has_a_name_that_options_know() -> None:
    body = body_of(offered(), "m", stream=True)
    assert body.keys() <= {*FIELDS, "model", "messages"}
