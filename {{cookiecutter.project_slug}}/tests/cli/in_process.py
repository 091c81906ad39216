import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import structlog

from app.core.embedded import Urls
from app.settings import Settings


@contextmanager
def commands_in_this_process(
    urls: Urls, settings: Settings, monkeypatch: pytest.MonkeyPatch, **variables: str
) -> Iterator[None]:
    """Commands run on the database of the tests. Resets their logging, whose streams are closed afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    own = {"DATABASE_URL": urls.service, "APP_ROOT": str(settings.root), "APP_DATA_DIR": str(settings.data_dir)}
    for name, value in (own | variables).items():
        monkeypatch.setenv(name, value)
    yield
    structlog.reset_defaults()
    root.handlers, root.level = handlers, level
