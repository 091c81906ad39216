"""Secrets among the settings: what they must be, and their generation in development."""

import os
import secrets
from pathlib import Path

from pydantic import BaseModel, SecretStr

from app.settings.environment import PREFIX

MIN_CHARACTERS = 32


def check_secrets(settings: BaseModel, *names: str) -> None:
    """Errors: ValueError, naming the setting whose secret is too short."""
    for name in names:
        secret: SecretStr | None = getattr(settings, name)
        if secret and len(secret.get_secret_value()) < MIN_CHARACTERS:
            raise ValueError(f"{PREFIX}{name.upper()} must have {MIN_CHARACTERS} characters or more")


def value_or_generated(secret: SecretStr | None, path: Path) -> bytes:
    """The secret; where none is set a random one, stored at `path` by the first call, readable by its owner only."""
    if secret:
        return secret.get_secret_value().encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _store_once(path, secrets.token_hex(32))
    return path.read_bytes()


def _store_once(path: Path, text: str) -> None:
    """Store the text unless another process was first; nobody ever reads a part of it."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
