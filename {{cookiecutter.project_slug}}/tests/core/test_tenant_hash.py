from collections.abc import Iterator
from uuid import UUID

import pytest

from app.core.tenant_hash import tenant_hash, use_key

ONE, OTHER = UUID(int=1), UUID(int=2)


@pytest.fixture(autouse=True)
def without_key_afterwards() -> Iterator[None]:
    yield
    use_key(lambda: b"of the tests")


def test_a_hash_depends_on_the_tenant_and_on_the_secret_and_is_the_same_in_every_process() -> None:
    use_key(lambda: b"a secret")
    first = tenant_hash(ONE)
    use_key(lambda: b"another secret")
    other_secret = tenant_hash(ONE)
    use_key(lambda: b"a secret")
    assert tenant_hash(ONE) == first
    assert len({first, other_secret, tenant_hash(OTHER)}) == 3


def test_the_secret_is_read_only_when_a_hash_is_needed() -> None:
    def read() -> bytes:
        raise AssertionError

    use_key(read)
    with pytest.raises(AssertionError):
        tenant_hash(ONE)
