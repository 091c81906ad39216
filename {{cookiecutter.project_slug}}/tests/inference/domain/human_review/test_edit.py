"""What a reviewer may write in place of an answer."""

import orjson
import pytest

from app.inference.domain.human_review import EditRefused, edit
from tests.safety.outbound_forms import SECRETS, carried

PAYLOAD = orjson.dumps({"text": "It was built in 1874 [1].", "citations": [{"marker": 1}, {"marker": 2}]})


def test_an_edit_keeps_the_citations_that_it_uses() -> None:
    edited = orjson.loads(edit(PAYLOAD, " It was built in 1875 [2]. "))
    assert (edited["text"], edited["citations"]) == ("It was built in 1875 [2].", [{"marker": 2}])


@pytest.mark.parametrize("text", ["", " ", "It was built in 1874 [1].", "It was built in 1875 [3].", "x" * 20_001])
def test_a_text_that_cannot_be_delivered_is_refused(text: str) -> None:
    with pytest.raises(EditRefused):
        edit(PAYLOAD, text)


@pytest.mark.parametrize("kind", SECRETS)
def test_a_text_with_a_secret_is_refused_without_repeating_it(kind: str) -> None:
    with pytest.raises(EditRefused) as refused:
        edit(PAYLOAD, carried(kind))
    assert SECRETS[kind] not in str(refused.value)


def test_the_longest_text_is_delivered() -> None:
    assert orjson.loads(edit(PAYLOAD, "x" * 20_000))["text"] == "x" * 20_000
