"""Secrets are masked in logs, traces, problems and audit lines, however they get there."""

import io
import json
import logging
import sys
from collections.abc import Iterator

import orjson
import pytest
import structlog
from opentelemetry.sdk.trace.export import ConsoleSpanExporter
from pydantic import SecretStr

from app.core.errors import Invalid
from app.core.logging import configure_logging, log_failure
from app.core.options import LogFormat
from app.core.problems import encoded
from app.core.redaction import (
    Remembered,
    SecretDetector,
    SensitiveSpan,
    install_detectors,
    mask_spans,
    redact,
    redact_value,
    spans_in,
)
from app.core.secret_patterns import secrets_in
from app.core.telemetry import RedactingExporter, configure_tracing, shutdown_tracing, span
from app.settings import Settings
from tests.safety.harmless_answers import HARMLESS
from tests.safety.outbound_forms import SECRETS, carried
from tests.safety.test_output_filter import signs

OWN = "correct-horse-battery"


@pytest.fixture
def configured() -> Iterator[None]:
    """Restores the configuration of logs and of masking after a test."""
    root = logging.getLogger()
    handlers, level, before = root.handlers[:], root.level, structlog.get_config()
    install_detectors(SecretDetector(known=frozenset({OWN})))
    yield
    install_detectors(SecretDetector())
    structlog.configure(**before)
    root.handlers, root.level = handlers, level


def found_in(text: str) -> list[str]:
    """The kinds of secrets whose end is in the text."""
    return [kind for kind, secret in SECRETS.items() if signs(secret.splitlines()[0])[-10:] in signs(text)]


def plain(kind: str) -> str:
    return carried(kind).replace(" PRIVATE KEY-----\n", " PRIVATE KEY-----")


@pytest.mark.parametrize("kind", SECRETS)
def test_a_text_is_masked_once_and_for_all(kind: str) -> None:
    masked = redact(carried(kind))
    assert SECRETS[kind] not in masked
    assert redact(masked) == masked


def test_of_what_overlaps_the_first_and_longest_is_masked_and_what_touches_it_is_masked_too() -> None:
    class Places:
        def find(self, text: str) -> list[SensitiveSpan]:
            return [SensitiveSpan("k", "k.n", *each) for each in ((4, 6), (2, 5), (0, 2), (0, 4))]

    spans = spans_in("abcdefgh", (Places(),))
    assert [(each.start, each.end) for each in spans] == [(0, 4), (4, 6)]
    assert mask_spans("abcdefgh", spans, keep_length=True) == "••••••gh"


def test_texts_without_secrets_are_not_changed() -> None:
    assert [text for text in HARMLESS if redact(text) != text] == []


def test_values_are_masked_at_any_depth_and_by_the_name_of_their_member() -> None:
    value = {
        "a": [SECRETS["GitHub"], {"password": SECRETS["assigned password"]}],
        "n": 3,
        "token": "none",
        "t": (1, "x"),
    }
    masked = redact_value(value)
    assert found_in(str(masked)) == []
    assert (masked["n"], masked["token"], masked["t"]) == (3, "none", [1, "x"])


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.usefixtures("configured")
def test_no_log_line_contains_a_secret(style: LogFormat, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", style)
    log = structlog.get_logger()
    for kind in SECRETS:
        said = plain(kind)
        log.info(f"core.{said}", told=said, nested={"texts": [said]}, error=ValueError(said))
        logging.getLogger("library").warning("a library says %s", said)
        try:
            raise ValueError(said)
        except ValueError as error:
            log_failure(log, "core.failed", error, password=SECRETS["assigned password"])
    log.info("core.started", url=f"it uses {OWN} itself")
    logged = capsys.readouterr().err
    assert logged.count("core.failed") == len(SECRETS)
    assert found_in(logged) == []
    assert OWN not in logged
    assert style == "console" or all(json.loads(line) for line in logged.splitlines())


@pytest.mark.usefixtures("configured")
def test_no_span_contains_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = io.StringIO()
    monkeypatch.setattr(sys, "stdout", printed)
    configure_tracing("console", 1.0, "test", "0", None)
    for kind in SECRETS:
        with span(f"step {plain(kind)}", told=plain(kind), texts=[plain(kind), OWN], count=3) as current:
            current.record_exception(ValueError(plain(kind)))
            current.set_attribute("late", plain(kind))
            current.add_event(plain(kind), {"said": plain(kind)})
    shutdown_tracing()
    assert printed.getvalue().count('"count": 3') == len(SECRETS)
    assert found_in(printed.getvalue()) == []
    assert OWN not in printed.getvalue()


@pytest.mark.usefixtures("configured")
def test_what_an_exporter_remembers_of_a_value_is_forgotten_with_other_detectors() -> None:
    exporter = RedactingExporter(ConsoleSpanExporter())
    attributes = {"app.arm": "BREW42", "app.password": "tr0ub4dor-and-3", "app.count": 3, "app.whole": True}
    for detectors, shown in (((SecretDetector(),), "BREW42"), ((SecretDetector(frozenset({"BREW42"})),), "•" * 8)) * 2:
        install_detectors(*detectors)
        for _ in range(2):
            redacted = exporter._attributes(attributes)
            assert redacted == {**attributes, "app.arm": shown, "app.password": "•" * 8}
            assert redacted["app.whole"] is True


@pytest.mark.usefixtures("configured")
def test_of_what_is_masked_nothing_is_remembered() -> None:
    remembered = Remembered()
    shown = {value: remembered.member("app.arm", value, str) for value in (*SECRETS.values(), "canary")}
    assert "canary" in repr(remembered)
    assert not [value for value in SECRETS.values() if shown[value] != value and value in repr(remembered)]
    assert any(shown[value] != value for value in SECRETS.values())


def test_no_problem_contains_a_secret() -> None:
    for kind in SECRETS:
        for for_openai in (False, True):
            problem = Invalid(plain(kind), action=plain(kind), findings=[{"detail": plain(kind)}])
            body = encoded(problem, {"instance": f"/{plain(kind)}"}, for_openai).decode()
            assert orjson.loads(body)["code"] == "invalid"
            assert found_in(body) == []


def test_the_secrets_of_the_settings_are_masked_whatever_their_form(settings: Settings) -> None:
    url = f"postgresql://app:{OWN}@db.internal/app"
    own = settings.model_copy(update={"database_url": SecretStr(url)})
    values = own.secret_values()
    assert {url, OWN} <= values
    assert min(map(len, values)) >= 12


def test_a_part_of_a_word_is_no_secret() -> None:
    assert list(secrets_in("task-oriented-architecture-for-everybody, disk-encryption-at-rest-by-default")) == []
