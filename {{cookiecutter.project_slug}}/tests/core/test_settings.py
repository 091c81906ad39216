import os
from pathlib import Path

import pytest

from app.core.errors import StartRefused
from app.settings import Settings, load_settings, sources, variable_of

PEPPER = "p" * 32


@pytest.fixture(autouse=True)
def _empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("APP_")]:
        monkeypatch.delenv(name)


def test_an_unknown_variable_stops_the_start_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_LOG_LEVLE", "INFO")
    with pytest.raises(StartRefused, match=r"APP_LOG_LEVLE is not a setting.*did you mean APP_LOG_LEVEL"):
        load_settings()


def test_an_unknown_variable_in_the_env_file_stops_the_start_too(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("APP_COLOUR=blue\n")
    with pytest.raises(StartRefused, match="APP_COLOUR is not a setting"):
        load_settings()


SERVICE_APP = {
    "APP_SERVICE_HOST": "10.0.0.7",
    "APP_SERVICE_PORT": "80",
    "APP_SERVICE_PORT_HTTP": "80",
    "APP_PORT": "tcp://10.0.0.7:80",
    "APP_PORT_80_TCP": "tcp://10.0.0.7:80",
    "APP_PORT_80_TCP_PROTO": "tcp",
    "APP_PORT_80_TCP_PORT": "80",
    "APP_PORT_80_TCP_ADDR": "10.0.0.7",
    "APP_PORT_53_UDP": "udp://10.0.0.7:53",
}


@pytest.mark.parametrize("service", ["APP", "APP_WORKER", "APP_WORKER_METRICS", "APP_DATABASE"])
def test_the_variables_of_a_kubernetes_service_named_app_are_ignored(
    monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    for name, value in SERVICE_APP.items():
        monkeypatch.setenv(service + name.removeprefix("APP"), value)
    settings = load_settings()
    assert (settings.port, settings.metrics_port) == (8000, 8001)
    assert {row[0]: row[2] for row in sources(settings)}["APP_PORT"] == "default"


def test_a_configured_port_counts_beside_such_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in SERVICE_APP.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("APP_PORT", "9000")
    assert (load_settings().port, load_settings().metrics_port) == (9000, 9001)
    monkeypatch.setenv("APP_PORT", SERVICE_APP["APP_PORT"])
    (tmp_path / ".env").write_text("APP_PORT=9001\n")
    assert load_settings().port == 9001


@pytest.mark.parametrize("name", ["APP_SERVICE_NAME", "APP_PORTS", "APP_PORT_TCP", "APP_HOST_PORT"])
def test_other_unknown_variables_are_still_rejected(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "80")
    with pytest.raises(StartRefused, match=f"{name} is not a setting"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [("APP_PORT", "eighty"), ("APP_PORT", "http://10.0.0.7:80"), ("APP_TRACES", "paper"), ("APP_TRACE_SAMPLE", "2")],
)
def test_a_bad_value_stops_the_start_and_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(StartRefused, match=name):
        load_settings()


def test_outside_development_the_pepper_must_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_ENVIRONMENT", "staging")
    with pytest.raises(StartRefused, match="APP_KEY_PEPPER must be set"):
        load_settings()


def test_production_requires_a_database_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_ENVIRONMENT", "production")
    monkeypatch.setenv("APP_KEY_PEPPER", PEPPER)
    with pytest.raises(StartRefused, match="APP_MASTER_KEY must be set"):
        load_settings()
    monkeypatch.setenv("APP_MASTER_KEY", PEPPER)
    with pytest.raises(StartRefused, match="DATABASE_URL must be set"):
        load_settings()


def test_a_master_key_is_made_up_once_in_development(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path)
    [made] = settings.master_secrets()
    assert load_settings(data_dir=tmp_path).master_secrets() == [made]
    assert (tmp_path / "master-key").stat().st_mode & 0o777 == 0o600


def test_the_current_master_key_comes_before_the_former_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_MASTER_KEY", "n" * 32)
    monkeypatch.setenv("APP_MASTER_KEY_PREVIOUS", "f" * 32)
    assert load_settings().master_secrets() == [b"n" * 32, b"f" * 32]


def test_each_setting_is_shown_with_its_source_and_secrets_masked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://someone:hush-hush@db/app")
    (tmp_path / ".env").write_text("APP_PORT=9000\n")
    shown = {row[0]: row for row in sources(load_settings())}
    assert shown["DATABASE_URL"][1:3] == ("********", "environment")
    assert shown["APP_PORT"][1:3] == ("9000", ".env")
    assert shown["APP_HOST"][1:3] == ("127.0.0.1", "default")
    assert "hush-hush" not in str(shown)


def test_every_setting_has_a_description() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
    assert len({variable_of(name) for name in Settings.model_fields}) == len(Settings.model_fields)


def test_the_development_pepper_is_created_once_and_private(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path / "data")
    assert settings.pepper() == settings.pepper()
    assert (tmp_path / "data" / "pepper").stat().st_mode & 0o077 == 0


ISSUER = {"APP_OIDC_ISSUER": "https://login.example.com", "APP_OIDC_AUDIENCE": "https://answers.example.com/api"}
CLIENT = {**ISSUER, "APP_OIDC_CLIENT_ID": "console", "APP_PUBLIC_URL": "https://answers.example.com"}


@pytest.mark.parametrize(
    ("given", "changed", "words"),
    [
        (ISSUER, {"APP_OIDC_ISSUER": "http://login.example.com"}, "APP_OIDC_ISSUER: must begin with https://"),
        (ISSUER, {"APP_OIDC_ISSUER": "http://127.0.0.1.example.com"}, "APP_OIDC_ISSUER: must begin with https://"),
        (ISSUER, {"APP_OIDC_ISSUER": "login.example.com"}, "APP_OIDC_ISSUER: must begin with https://"),
        (ISSUER, {"APP_OIDC_AUDIENCE": None}, "APP_OIDC_AUDIENCE must be set"),
        (CLIENT, {"APP_PUBLIC_URL": None}, "APP_OIDC_CLIENT_ID needs"),
        (CLIENT, {"APP_PUBLIC_URL": "http://answers.example.com"}, "APP_PUBLIC_URL: must begin with https://"),
        (CLIENT, {"APP_OIDC_CLIENT_ID": ISSUER["APP_OIDC_AUDIENCE"]}, "APP_OIDC_AUDIENCE must not be the client"),
    ],
)
def test_an_identity_provider_is_named_safely_and_as_a_whole(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], changed: dict[str, str | None], words: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert load_settings().oidc_issuer == ISSUER["APP_OIDC_ISSUER"]
    for name, other in changed.items():
        monkeypatch.delenv(name) if other is None else monkeypatch.setenv(name, other)
    with pytest.raises(StartRefused, match=words):
        load_settings()


def test_an_identity_provider_on_this_machine_needs_no_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**ISSUER, "APP_OIDC_ISSUER": "http://127.0.0.1:9000"}.items():
        monkeypatch.setenv(name, value)
    assert load_settings().oidc_issuer == "http://127.0.0.1:9000"


def test_a_room_elsewhere_needs_an_address_and_outside_development_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ("retrieval:8100", "ftp://retrieval", "http://"):
        monkeypatch.setenv("APP_RETRIEVAL_URL", wrong)
        with pytest.raises(StartRefused, match="APP_RETRIEVAL_URL: must begin with https:// or http://"):
            load_settings()
    monkeypatch.setenv("APP_RETRIEVAL_URL", "http://retrieval:8100")
    assert len(load_settings().room_secret()) >= 32, "made up in development"
    for name in ("APP_KEY_PEPPER", "APP_MASTER_KEY"):
        monkeypatch.setenv(name, PEPPER)
    monkeypatch.setenv("APP_ENVIRONMENT", "staging")
    with pytest.raises(StartRefused, match="APP_ROOM_KEY must be set with APP_RETRIEVAL_URL"):
        load_settings()
    monkeypatch.setenv("APP_ROOM_KEY", "short")
    with pytest.raises(StartRefused, match="APP_ROOM_KEY must have 32 characters or more"):
        load_settings()
    monkeypatch.setenv("APP_ROOM_KEY", PEPPER)
    assert load_settings().room_secret() == PEPPER.encode()


@pytest.mark.parametrize("value", ["", "10.0.0.7", "[", '{"a'])
@pytest.mark.parametrize("name", ["APP_TRUSTED_PROXIES", "APP_MODEL_CHAIN"])
def test_a_list_that_is_not_json_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(StartRefused, match=f"{name}: must be JSON"):
        load_settings()


def test_a_proxy_that_is_no_network_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_TRUSTED_PROXIES", '["proxy.example"]')
    with pytest.raises(StartRefused, match="APP_TRUSTED_PROXIES"):
        load_settings()
