from collections.abc import Callable
from dataclasses import dataclass

from app.core.errors import StartRefused
from app.releases.domain.problems import SigningSecretRequired


@dataclass(frozen=True)
class SigningSecret:
    """The secret that signs exported releases; read only when needed, because most deployments have none."""

    value: Callable[[], bytes]

    def read(self) -> bytes:
        """Errors: SigningSecretRequired."""
        try:
            return self.value()
        except StartRefused as error:
            raise SigningSecretRequired(str(error)) from error
