"""Which hosts are reached through a proxy."""

import pytest

from app.core.outbound import OutboundRules

PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("no_proxy", "host", "direct"),
    [
        ("", "provider.example", False),
        ("*", "provider.example", True),
        ("provider.example", "provider.example", True),
        ("provider.example", "PROVIDER.example.", True),
        ("provider.example", "eu.provider.example", True),
        (".provider.example", "eu.provider.example", True),
        ("*.provider.example", "eu.provider.example", True),
        ("provider.example", "otherprovider.example", False),
        ("provider.example:443", "provider.example", True),
        ("provider.example:8443", "provider.example", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.0.0.0/8", "provider.example", False),
        ("fd00::/8", "fd00::1", True),
        ("[fd00::1]:443", "fd00::1", True),
        ("fd00::1", "[fd00::1]", True),
        ("", "localhost", True),
        ("", "model.localhost", True),
        ("", "127.0.0.7", True),
        ("", "::1", True),
        ("not a host", "provider.example", False),
        ("provider.example:https", "provider.example", False),
    ],
)
def test_a_host_that_no_proxy_names_is_reached_directly(no_proxy: str, host: str, direct: bool) -> None:
    rules = OutboundRules(PROXY, PROXY, (no_proxy,) if no_proxy else ())
    assert (rules.proxy_for("https", host) is None) == direct


def test_each_scheme_has_its_own_proxy() -> None:
    rules = OutboundRules(https_proxy=PROXY)
    assert rules.proxy_for("https", "provider.example") == PROXY
    assert rules.proxy_for("http", "provider.example") is None
    assert rules.proxies == {PROXY}
    assert "proxy.example" not in repr(rules)


def test_a_scheme_without_a_port_of_its_own_is_no_port_that_is_named() -> None:
    rules = OutboundRules(PROXY, PROXY, ("provider.example:1",))
    assert rules.proxy_for("grpc", "provider.example") == PROXY
    assert rules.proxy_for("grpc", "provider.example", 1) is None
