from collections.abc import Callable
from dataclasses import dataclass

from app.core.errors import StartRefused
from app.releases.domain.problems import SigningSecretRequired


@dataclass(frozen=True)
class SigningSecret:
    """What signs exported releases; asked for only when it is needed, because most deployments never are."""

    value: Callable[[], bytes]

    def given(self) -> bytes:
        """Errors: SigningSecretRequired."""
        try:
            return self.value()
        except StartRefused as refused:
            raise SigningSecretRequired(str(refused)) from refused
