from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import orjson
import pytest
from pydantic import ValidationError

from app.webhooks.domain import Target, WebhookHosts, WebhookMessage, WebhookRefused, is_public

HOSTS = WebhookHosts(
    hosts=("hooks.example.com", "https://hooks.example.org:8443"),
    private=("inside.example", "http://localhost:9000", "[::1]:9443"),
)


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("https://hooks.example.com", False),
        ("https://hooks.example.com/a/b?c=d", False),
        ("HTTPS://Hooks.Example.COM:443/a", False),
        ("https://hooks.example.org:8443/a", False),
        ("https://inside.example/a", True),
        ("http://localhost:9000/a", True),
        ("https://[::1]:9443/a", True),
    ],
)
def test_a_listed_host_may_receive_webhooks(url: str, private: bool) -> None:
    assert HOSTS.target(url) == Target(url, private)


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/a",
        "https://hooks.example.com:8443/a",
        "https://hooks.example.org/a",
        "https://hooks.example.com.evil.example/a",
        "https://hooks.example.com./a",
        "https://hooks.example.com:0/a",
        "https://hooks.example.com%2e/a",
        "https://hooks.example.com:443:80/a",
        "https://[::ffff:127.0.0.1]/a",
        "https://[fe80::1%25eth0]/a",
        "https://0x7f.1/a",
        "https://0177.0.0.1/a",
        "https://evil.example/hooks.example.com",
        "https://hooks.example.com@evil.example/a",
        "https://evil.example\\@hooks.example.com/a",
        "https://evil.example#@hooks.example.com/a",
        "https://localhost:9000/a",
        "http://localhost/a",
        "http://127.0.0.1:9000/a",
        "http://2130706433:9000/",
        "ftp://hooks.example.com/a",
        "file:///etc/passwd",
        "//hooks.example.com/a",
        "hooks.example.com",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/a\r\nHost: evil",
        "https://hooks.example.com:99999/",
        "https://hооks.example.com/cyrillic",
        "https://hooks.example.com/" + "a" * 2000,
        "",
    ],
)
def test_any_other_address_is_rejected(url: str) -> None:
    with pytest.raises(WebhookRefused):
        HOSTS.target(url)


def test_an_address_of_two_thousand_characters_is_the_longest() -> None:
    url = "https://hooks.example.com/".ljust(2000, "a")
    assert HOSTS.target(url).url == url
    with pytest.raises(WebhookRefused):
        HOSTS.target(url + "a")


@pytest.mark.parametrize(
    ("hosts", "private", "message"),
    [((), (), "sends no webhooks"), (("a.b",), (), "not among"), ((), ("a.b",), "not among")],
)
def test_a_refusal_says_whether_any_host_is_named(
    hosts: tuple[str, ...], private: tuple[str, ...], message: str
) -> None:
    named = WebhookHosts(hosts=hosts, private=private)
    assert (named.hosts, named.private) == (hosts, private)
    with pytest.raises(WebhookRefused, match=message):
        named.target("https://hooks.example.com/")


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"hosts": ["http://hooks.example.com"]}, "unencrypted"),
        ({"hosts": ["*.example.com"]}, "is not a host"),
        ({"hosts": ["hooks.example.com/path"]}, "leave the path out"),
        ({"private": ["user@inside.example"]}, "is not a host"),
        ({"private": ["inside.example:port"]}, "is not a host"),
        ({"private": [":8443"]}, "is not a host"),
        ({"elsewhere": []}, "Extra inputs"),
    ],
)
def test_an_invalid_list_of_hosts_is_rejected(policy: dict[str, list[str]], message: str) -> None:
    with pytest.raises(ValidationError, match=message.replace("*", r"\*")):
        WebhookHosts.model_validate(policy)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:4700::1111", True),
        ("10.0.0.1", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),  # noqa: S104
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::a00:1", False),
        ("64:ff9b::5db8:d822", True),
        ("::127.0.0.1", False),
        ("::10.0.0.1", False),
        ("::ffff:0:127.0.0.1", False),
        ("64:ff9b:1::7f00:1", False),
        ("fec0::1", False),
        ("5f00::1", False),
        ("3fff::1", False),
        ("2606:4700::5efe:10.0.0.1", False),
        ("2606:4700::200:5efe:7f00:1", False),
        ("2606:4700::5efe:808:808", True),
        ("fe80::1%eth0", False),
        ("192.0.0.8", False),
        ("192.88.99.1", False),
        ("168.63.129.16", False),
        ("2002:a00:1::", False),
        ("2002:5db8:d822::", True),
        ("2001:0:4136:e378:8000:63bf:a247:27dd", True),  # Teredo of 93.184.216.34
        ("2001:0:4136:e378:8000:63bf:f5ff:fffe", False),  # Teredo of 10.0.0.1
        ("fe80::5efe:808:808", False),  # ISATAP of a public address, within a network of one's own
        ("fd00::200:5efe:808:808", False),
        ("2001:db8::5efe:808:808", False),
    ],
)
def test_private_addresses_are_detected_also_when_embedded(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_a_message_survives_its_job_unchanged() -> None:
    ids = [UUID(int=number) for number in range(1, 5)]
    at = datetime(2026, 3, 1, 12, 0, 0, 5, UTC)
    message = WebhookMessage(ids[0], ids[1], ids[2], "https://a.example", "action", ids[3], "done", "/v1/actions/4", at)
    assert WebhookMessage.of_job(**message.job) == message


def test_only_an_alert_has_a_title() -> None:
    ids = [UUID(int=number) for number in range(1, 5)]
    at = datetime(2026, 3, 1, tzinfo=UTC)
    alert = WebhookMessage(ids[0], ids[1], ids[2], "https://a.example", "alert", ids[3], "firing", "/", at, "Too slow")
    assert orjson.loads(alert.body)["data"]["title"] == "Too slow"
    assert "title" not in orjson.loads(replace(alert, title="").body)["data"]


def test_the_signature_equals_that_of_openssl() -> None:
    message = WebhookMessage(
        UUID(int=1),
        UUID(int=2),
        UUID(int=3),
        "https://a.example",
        "answer",
        UUID(int=4),
        "delivered",
        "/v1/answers/4",
        datetime(2026, 3, 1, tzinfo=UTC),
    )
    headers = message.headers(bytes.fromhex("00" * 32), datetime(2021, 2, 25, 4, 56, 57, tzinfo=UTC))
    assert headers["webhook-timestamp"] == "1614229017"
    assert headers["webhook-id"] == "msg_00000000000000000000000000000001"
    assert headers["webhook-signature"] == "v1,ZsjwmZEFTImlj6A2R2vPjhIgH5GnYSmqk4hT8i3s/EY="
