import os
import threading
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr

from app.core.errors import StartRefused
from app.settings import load_settings
from app.settings.secret_values import MIN_CHARACTERS, check_secrets, value_or_generated

LONG = "n" * MIN_CHARACTERS


class Named(BaseModel):
    first: SecretStr | None = None
    second: SecretStr | None = None


def test_a_secret_has_the_least_length_or_is_named() -> None:
    check_secrets(Named(first=SecretStr(LONG)), "first", "second")
    with pytest.raises(ValueError, match=r"^APP_SECOND must have 32 characters or more$"):
        check_secrets(Named(first=SecretStr(LONG), second=SecretStr(LONG[1:])), "first", "second")


def test_the_error_does_not_show_the_secret() -> None:
    with pytest.raises(ValueError) as refused:
        check_secrets(Named(first=SecretStr("hush")), "first")
    assert "hush" not in str(refused.value)


def test_a_secret_that_is_set_is_used_and_none_is_stored(tmp_path: Path) -> None:
    assert value_or_generated(SecretStr("grün"), tmp_path / "data" / "pepper") == "grün".encode()
    assert list(tmp_path.iterdir()) == []


def test_a_generated_secret_is_long_enough_and_of_its_file_alone(tmp_path: Path) -> None:
    one, other = (value_or_generated(None, tmp_path / "deep" / name) for name in ("one", "other"))
    assert one != other
    assert len(one) >= MIN_CHARACTERS
    assert sorted(os.listdir(tmp_path / "deep")) == ["one", "other"]


def test_processes_that_start_at_once_agree_on_one_whole_secret(tmp_path: Path) -> None:
    barrier, found = threading.Barrier(8), []

    def start() -> None:
        barrier.wait()
        found.append(value_or_generated(None, tmp_path / "pepper"))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert len(found[0]) == 64


def test_a_secret_that_is_being_written_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the creation of the file and its text there is no moment at which another process reads it."""
    path, real, seen = tmp_path / "pepper", os.fdopen, []

    def opened(number: int, mode: str, encoding: str) -> object:
        seen.append(path.exists())
        return real(number, mode, encoding=encoding)

    monkeypatch.setattr(os, "fdopen", opened)
    assert value_or_generated(None, path) == path.read_bytes()
    assert seen == [False]


@pytest.mark.parametrize("name", ["APP_KEY_PEPPER", "APP_MASTER_KEY"])
@pytest.mark.parametrize("environment", ["staging", "production"])
def test_an_empty_secret_outside_of_development_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, environment: str
) -> None:
    for each in ("APP_KEY_PEPPER", "APP_MASTER_KEY"):
        monkeypatch.setenv(each, "" if each == name else LONG)
    with pytest.raises(StartRefused, match=f"{name} must be set when APP_ENVIRONMENT is {environment}"):
        load_settings(environment=environment, data_dir=tmp_path, database_url="postgresql://a@b/c")


@pytest.mark.parametrize("secret", [None, ""])
def test_without_a_release_secret_nothing_is_signed_outside_of_development(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, secret: str | None
) -> None:
    monkeypatch.setenv("APP_KEY_PEPPER", LONG)
    monkeypatch.setenv("APP_MASTER_KEY", LONG)
    if secret is not None:
        monkeypatch.setenv("APP_RELEASE_SECRET", secret)
    settings = load_settings(environment="staging", data_dir=tmp_path)
    with pytest.raises(StartRefused, match="APP_RELEASE_SECRET must be set to export or import releases"):
        settings.signing_secret()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["APP_KEY_PEPPER", "APP_RELEASE_SECRET", "APP_MASTER_KEY", "APP_MASTER_KEY_PREVIOUS"])
def test_a_short_secret_of_the_service_stops_the_start_in_development_too(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, LONG[1:])
    with pytest.raises(StartRefused, match=rf"^{name} must have 32 characters or more\.$"):
        load_settings()


def test_an_empty_key_of_rooms_outside_of_development_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("APP_KEY_PEPPER", "APP_MASTER_KEY"):
        monkeypatch.setenv(name, LONG)
    monkeypatch.setenv("APP_ROOM_KEY", "")
    settings = load_settings(environment="staging", data_dir=tmp_path)
    with pytest.raises(StartRefused, match="APP_ROOM_KEY must be set where a room runs alone"):
        settings.room_secret()
    with pytest.raises(StartRefused, match="APP_ROOM_KEY must be set with APP_RETRIEVAL_URL"):
        load_settings(environment="staging", data_dir=tmp_path, retrieval_url="https://retrieval.example")
    assert list(tmp_path.iterdir()) == []
