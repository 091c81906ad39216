"""Logs contain tracebacks, and never text of users."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from app.core.logging import configure_logging
from app.core.options import LogFormat


@pytest.fixture
def configured() -> Iterator[None]:
    """Restores the logging configuration after a test."""
    root = logging.getLogger()
    handlers, level, before = root.handlers[:], root.level, structlog.get_config()
    yield
    structlog.configure(**before)
    root.handlers, root.level = handlers, level


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.usefixtures("configured")
def test_a_traceback_shows_no_local_variables(style: LogFormat, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", style)
    text_of_a_user = "-".join(["my", "secret", "question"])
    try:
        raise RuntimeError(len(text_of_a_user))
    except RuntimeError as error:
        structlog.get_logger().error("core.job_failed", exc_info=error)
    logged = capsys.readouterr().err
    assert "RuntimeError" in logged
    assert "my-secret-question" not in logged
