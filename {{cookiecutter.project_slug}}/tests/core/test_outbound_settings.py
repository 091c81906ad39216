"""HTTPS_PROXY, HTTP_PROXY, NO_PROXY and APP_CA_FILE as settings."""

import os
from pathlib import Path

import pytest

from app.core.errors import StartRefused
from app.core.outbound import DIRECT
from app.settings import load_settings, sources

VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")
PASSWORD = "let-me-" + "through"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("APP_") or name.upper().endswith("_PROXY")]:
        monkeypatch.delenv(name)


def test_without_settings_calls_are_direct() -> None:
    assert load_settings().outbound == DIRECT


@pytest.mark.parametrize("names", [VARIABLES, tuple(map(str.lower, VARIABLES))])
def test_the_usual_variables_count_in_capitals_or_not(names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    values = ("proxy.example:3128", "http://plain.example", "a.example, 10.0.0.0/8 b")
    for name, value in zip(names, values, strict=True):
        monkeypatch.setenv(name, value)
    rules = load_settings().outbound
    assert (rules.https_proxy, rules.http_proxy) == ("http://proxy.example:3128", "http://plain.example")
    assert rules.no_proxy == ("a.example", "10.0.0.0/8", "b")


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", " ")
    assert load_settings().outbound == DIRECT


def test_a_password_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://someone:{PASSWORD}@proxy.example:3128")
    settings = load_settings()
    assert PASSWORD not in repr(settings) + str(sources(settings)) + repr(settings.outbound)
    assert PASSWORD in settings.secret_values()


@pytest.mark.parametrize("value", ["socks5://proxy.example", "http://", "http://proxy.example:port", "http://[", "//"])
def test_what_is_no_proxy_stops_the_start(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)
    with pytest.raises(StartRefused, match=r"HTTPS_PROXY: must be an address like http://proxy\.example:3128"):
        load_settings()


def test_a_file_without_certificates_stops_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("APP_CA_FILE", str(tmp_path / "missing.pem"))
    with pytest.raises(StartRefused, match=r"APP_CA_FILE: .*cannot be used \(No such file or directory\)"):
        load_settings()
    (tmp_path / "empty.pem").write_text("nothing")
    monkeypatch.setenv("APP_CA_FILE", str(tmp_path / "empty.pem"))
    with pytest.raises(StartRefused, match=r"cannot be used \(holds no certificate in PEM form\)"):
        load_settings()
