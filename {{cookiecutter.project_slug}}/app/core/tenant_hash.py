"""Keyed hashes of tenants: what leaves for other systems, such as traces, has these instead of ids."""

import hmac
import os
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from uuid import UUID

HASH_DIGITS = 16

_read_key: list[Callable[[], bytes]] = []


def use_key(read: Callable[[], bytes]) -> None:
    """The secret of the hashes, which is read at the first one. Without it they differ from process to process."""
    _read_key[:] = [read]
    _key.cache_clear()
    tenant_hash.cache_clear()


@lru_cache(maxsize=1)
def _key() -> bytes:
    return _read_key[0]() if _read_key else os.urandom(32)


@lru_cache(maxsize=4096)
def tenant_hash(tenant_id: UUID) -> str:
    """The same for a tenant in all processes with one secret; without the secret nobody can compute or check it."""
    return hmac.digest(_key(), b"tenant in telemetry " + tenant_id.bytes, sha256).hex()[:HASH_DIGITS]
