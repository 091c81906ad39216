import pytest

from app.core.errors import Problem
from app.mcp.domain.sources import AllowedSources
from app.settings.mcp import McpSettings

SOURCES = AllowedSources(("answers.internal",), ("https://chat.example",), "https://answers.example:8443")


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST:1", "answers.example:8443", "answers.internal:80"]
)
@pytest.mark.parametrize("origin", [None, "https://chat.example", "https://answers.example:8443"])
def test_known_names_and_pages_may_call(host: str, origin: str | None) -> None:
    SOURCES.check(host, origin)


@pytest.mark.parametrize(
    ("host", "origin", "code"),
    [
        (None, None, "host_not_allowed"),
        ("", None, "host_not_allowed"),
        ("answers.example", None, "host_not_allowed"),
        ("answers.internal.evil.example", None, "host_not_allowed"),
        ("[::1", None, "host_not_allowed"),
        ("localhost", "", "origin_not_allowed"),
        ("localhost", "null", "origin_not_allowed"),
        ("localhost", "http://localhost", "origin_not_allowed"),
        ("localhost", "http://chat.example", "origin_not_allowed"),
        ("localhost", "https://chat.example.evil.example", "origin_not_allowed"),
    ],
)
def test_others_may_not(host: str | None, origin: str | None, code: str) -> None:
    with pytest.raises(Problem) as refused:
        SOURCES.check(host, origin)
    assert refused.value.code == code


def test_without_settings_only_this_machine_is_named() -> None:
    AllowedSources().check("localhost:8000", None)
    for host, origin in (("answers.example", None), ("localhost", "://")):
        with pytest.raises(Problem):
            AllowedSources().check(host, origin)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mcp_hosts": ["https://a.example"]},
        {"mcp_hosts": [""]},
        {"mcp_origins": ["a.example"]},
        {"mcp_origins": ["https://a/"]},
    ],
)
def test_a_setting_that_can_match_nothing_is_refused(wrong: dict[str, list[str]]) -> None:
    with pytest.raises(ValueError, match="is no"):
        McpSettings.model_validate(wrong)
