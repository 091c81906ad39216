from typing import Protocol


class KeyManagement(Protocol):
    """Holds the master keys, which never leave it: a KMS, or the environment.

    context: says what the secret belongs to. It is authenticated and not stored: `unwrap` needs the same.
    """

    @property
    def current(self) -> str:
        """The name of the master key that wraps from now on. It reveals nothing about the key."""
        ...

    async def wrap(self, secret: bytes, context: bytes) -> bytes:
        """Encrypt under the current master key; never the same result twice."""
        ...

    async def unwrap(self, wrapped: bytes, master_key: str, context: bytes) -> bytes:
        """Errors: MasterKeyNotFound for a key that it does not have; Undecryptable when anything was changed."""
        ...

    def pseudonym(self, text: str) -> str:
        """A keyed hash as 16 hex digits: the same for the same text, and not computable without the master key."""
        ...
