"""The contract of app.encryption.ports.KeyManagement: every implementation passes these tests."""

from collections.abc import Callable

import pytest

from app.adapters.master_keys import EnvironmentKeys
from app.encryption.domain import MasterKeyNotFound, Undecryptable
from app.encryption.ports import KeyManagement

FIRST, SECOND = b"first master key, 32 characters.", b"second master key, 32 characters"
Make = Callable[..., KeyManagement]
IMPLEMENTATIONS: dict[str, Make] = {"environment": lambda current, *previous: EnvironmentKeys(current, previous)}


@pytest.fixture(params=IMPLEMENTATIONS)
def make(request: pytest.FixtureRequest) -> Make:
    return IMPLEMENTATIONS[request.param]


async def test_what_was_wrapped_is_unwrapped(make: Make) -> None:
    keys = make(FIRST)
    assert await keys.unwrap(await keys.wrap(b"secret", b"tenant 1"), keys.current, b"tenant 1") == b"secret"


async def test_two_wrappings_of_one_secret_differ_and_do_not_show_it(make: Make) -> None:
    keys = make(FIRST)
    one, two = await keys.wrap(b"secret", b"tenant 1"), await keys.wrap(b"secret", b"tenant 1")
    assert one != two
    assert b"secret" not in one


async def test_another_context_does_not_unwrap(make: Make) -> None:
    keys = make(FIRST)
    with pytest.raises(Undecryptable):
        await keys.unwrap(await keys.wrap(b"secret", b"tenant 1"), keys.current, b"tenant 2")


async def test_a_changed_bit_is_noticed(make: Make) -> None:
    keys = make(FIRST)
    wrapped = bytearray(await keys.wrap(b"secret", b"tenant 1"))
    for place in range(len(wrapped)):
        changed = bytes([*wrapped[:place], wrapped[place] ^ 1, *wrapped[place + 1 :]])
        with pytest.raises(Undecryptable):
            await keys.unwrap(changed, keys.current, b"tenant 1")


async def test_a_former_key_unwraps_and_no_longer_wraps(make: Make) -> None:
    old = make(FIRST)
    wrapped = await old.wrap(b"secret", b"tenant 1")
    new = make(SECOND, FIRST)
    assert await new.unwrap(wrapped, old.current, b"tenant 1") == b"secret"
    assert new.current != old.current
    with pytest.raises(Undecryptable):
        await old.unwrap(await new.wrap(b"secret", b"tenant 1"), old.current, b"tenant 1")


async def test_a_key_that_is_not_held_is_named_with_the_remedy(make: Make) -> None:
    old, new = make(FIRST), make(SECOND)
    with pytest.raises(MasterKeyNotFound, match=old.current) as refused:
        await new.unwrap(await old.wrap(b"secret", b"tenant 1"), old.current, b"tenant 1")
    assert "APP_MASTER_KEY_PREVIOUS" in str(refused.value.what_to_do)


def test_a_pseudonym_is_the_same_for_one_text_and_depends_on_the_key(make: Make) -> None:
    assert make(FIRST).pseudonym("Ada") == make(FIRST).pseudonym("Ada")
    assert len({make(FIRST).pseudonym("Ada"), make(FIRST).pseudonym("Bob"), make(SECOND).pseudonym("Ada")}) == 3


def test_the_name_of_a_key_does_not_show_it(make: Make) -> None:
    keys = make(FIRST)
    assert FIRST.decode() not in keys.current
    assert FIRST.decode() not in repr(keys)
