"""Shapes of replies that no provider documents."""

import gzip
from collections.abc import AsyncIterator

import pytest

from app.adapters.chat.encodings import Body
from app.adapters.chat.errors import parse_failure
from app.llm.domain.errors import RequestRejected


def test_an_error_within_a_thousand_others_is_one() -> None:
    raw = b'{"message":' * 1000 + b'"x"' + b"}" * 1000
    assert isinstance(parse_failure(400, raw, None), RequestRejected)


@pytest.mark.parametrize("together", [False, True])
async def test_a_reply_may_be_several_members_of_gzip(together: bool) -> None:
    members = [gzip.compress(b"data: 1\n\n"), gzip.compress(b"data: 2\n\n")]

    async def sent() -> AsyncIterator[bytes]:
        for each in [b"".join(members)] if together else members:
            yield each

    assert b"".join([piece async for piece in Body(sent(), "gzip")]) == b"data: 1\n\ndata: 2\n\n"
