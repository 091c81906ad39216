"""Personal data in no log line and no span, whoever wrote it there."""

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog
from pydantic import SecretStr

from app.core.options import LogFormat
from app.core.redaction import SecretDetector, install_detectors
from app.core.telemetry import annotate, shutdown_tracing, span
from app.settings import Settings
from app.wiring import observe

PLANTED = ("jane@acme.example", "DE89370400440532013000", "93.184.216.34", "4111111111111111", "+49 30 2312 5414")
SAID = "; ".join(PLANTED)


@pytest.fixture
def restored() -> Iterator[None]:
    """Restores the logging configuration after a test."""
    root = logging.getLogger()
    handlers, level, before = root.handlers[:], root.level, structlog.get_config()
    yield
    install_detectors(SecretDetector())
    shutdown_tracing()
    structlog.configure(**before)
    root.handlers, root.level = handlers, level


def leaks(text: str) -> list[str]:
    return [each for each in PLANTED if each in text]


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.usefixtures("restored")
def test_what_is_logged_is_masked_in_values_lists_errors_and_tracebacks(
    settings: Settings, style: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    observe(settings.model_copy(update={"log_format": style, "log_level": "INFO"}))
    log = structlog.get_logger("test")
    with structlog.contextvars.bound_contextvars(where=SAID):
        nested = {"deep": [SAID, {"x": {"y": {"z": [{"w": SAID}]}}}]}
        log.info(f"happened to {SAID}", said=SAID, nested=nested, error=ValueError(SAID))
        try:
            raise RuntimeError(SAID)
        except RuntimeError as error:
            log.error("core.failed", exc_info=error)
        logging.getLogger("library").warning("from %s", SAID)
    written = capsys.readouterr().err
    assert leaks(written) == []
    assert written.count("[email]") >= 6
    assert "RuntimeError" in written


@pytest.mark.usefixtures("restored")
def test_the_secrets_of_the_settings_are_in_no_line_whatever_their_form(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    pepper = "correct horse battery staple and more"
    observe(settings.model_copy(update={"key_pepper": SecretStr(pepper)}))
    structlog.get_logger("test").warning("core.said", detail=f"it was {pepper}, they say", request_id=pepper)
    line = json.loads(capsys.readouterr().err)
    assert pepper not in str(line)
    assert line["detail"].startswith("it was ")
    assert line["detail"].endswith(", they say")


@pytest.mark.usefixtures("restored")
def test_a_log_line_keeps_its_ids_numbers_and_time(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    observe(settings.model_copy(update={"log_format": "json", "log_level": "INFO"}))
    facts = {"document_id": "d16ca355-3897-433d-b532-e39ba7ac93ec", "seconds": 0.5, "version": "1.2.3", "status": 200}
    structlog.get_logger("test").info("core.done", **facts)
    line = json.loads(capsys.readouterr().err)
    assert {name: line[name] for name in facts} == facts
    assert line["timestamp"].endswith("Z")


@pytest.mark.usefixtures("restored")
def test_an_exported_span_has_its_texts_masked(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = io.StringIO()
    monkeypatch.setattr(sys, "stdout", printed)
    observe(settings.model_copy(update={"traces": "console", "trace_sample": 1.0}))
    with span("outer", said=SAID, count=3) as current:
        annotate(more=SAID)
        current.set_attribute("several", [SAID, SAID])
        current.add_event("seen", {"by": SAID})
    shutdown_tracing()
    assert leaks(printed.getvalue()) == []
    assert '"said": "[email]; [iban]' in printed.getvalue()
    assert '"count": 3' in printed.getvalue()
