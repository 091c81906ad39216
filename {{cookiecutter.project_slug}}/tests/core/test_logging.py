"""Logs contain tracebacks, and never text of users."""

import io
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from app.core.logging import configure_logging
from app.core.options import LogFormat
from app.core.redaction import SecretDetector, install_detectors, installed_detectors


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


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(
    ("terminal", "no_color", "coloured"), [(True, "", True), (True, "1", False), (False, "", False)]
)
def test_lines_have_colours_on_a_terminal_only(
    terminal: bool, no_color: str, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("NO_COLOR", no_color)
    configure_logging("INFO", "console")
    structlog.get_logger().warning("core.database_away")
    assert "core.database_away" in stream.getvalue()
    assert ("\x1b[" in stream.getvalue()) == coloured


@pytest.mark.usefixtures("configured")
def test_what_is_remembered_of_a_value_is_masked_and_forgotten_with_other_detectors(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging("INFO", "json")
    before, log = installed_detectors(), structlog.get_logger()
    try:
        for detectors, shown in (((SecretDetector(),), True), ((SecretDetector(frozenset({"BREW42"})),), False)) * 2:
            install_detectors(*detectors)
            for _ in range(2):
                log.info("core.request_completed", method="BREW42", route="/v1/answers")
                log.info("core.request_completed", method="ghp_" + "a1B2c3D4" * 5)
            lines = capsys.readouterr().err
            assert lines.count('"route":"/v1/answers"') == 2
            assert lines.count("BREW42") == (2 if shown else 0)
            assert "a1B2c3D4" not in lines
    finally:
        install_detectors(*before)
