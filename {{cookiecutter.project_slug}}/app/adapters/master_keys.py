"""Master keys out of the environment. A KMS is another class with the same methods (app.encryption.ports)."""

import hmac
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.encryption.domain import MasterKeyNotFound, Undecryptable

NONCE_BYTES = 12


@dataclass(frozen=True, repr=False)
class EnvironmentKeys:
    """secret: wraps. previous: only unwrap, until every data key is rewrapped. Each has 32 characters or more."""

    secret: bytes
    previous: Sequence[bytes] = ()
    _by_name: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._by_name.update({_name(each): each for each in (*self.previous, self.secret)})

    @property
    def current(self) -> str:
        return _name(self.secret)

    async def wrap(self, secret: bytes, context: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + AESGCM(_derived(self.secret, b"wrap")).encrypt(nonce, secret, context)

    async def unwrap(self, wrapped: bytes, master_key: str, context: bytes) -> bytes:
        if (held := self._by_name.get(master_key)) is None:
            raise MasterKeyNotFound(f"The master key {master_key} is not in APP_MASTER_KEY or APP_MASTER_KEY_PREVIOUS.")
        try:
            return AESGCM(_derived(held, b"wrap")).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], context)
        except InvalidTag as error:
            raise Undecryptable("A wrapped key does not decrypt.") from error

    def pseudonym(self, text: str) -> str:
        return hmac.new(_derived(self.secret, b"pseudonym"), text.encode(), sha256).hexdigest()[:16]


def _derived(secret: bytes, purpose: bytes) -> bytes:
    """A key of 32 bytes for one purpose. The secret has full entropy, so that one HMAC is enough."""
    return hmac.new(secret, b"app master key " + purpose, sha256).digest()


def _name(secret: bytes) -> str:
    return _derived(secret, b"name").hex()[:12]
