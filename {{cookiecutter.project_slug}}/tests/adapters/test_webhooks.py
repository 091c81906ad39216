"""The SSRF protection of the webhook transport."""

import socket
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from app.adapters.deferred_webhooks import DeferredWebhookTransport
from app.adapters.webhooks import HttpWebhookTransport, PublicAddresses
from app.core.outbound import DIRECT
from app.webhooks.domain import DeliveryFailed, Target
from app.webhooks.ports import WebhookTransport
from tests.webhooks.receiver import Receiver


class FixedResolver(AbstractResolver):
    """Resolves every name to these addresses."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> list[ResolveResult]:
        common: dict[str, Any] = {"hostname": host, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
        return [ResolveResult(host=address, **common) for address in self.addresses]

    async def close(self) -> None:
        pass


async def post(receiver: Receiver, private: bool, *addresses: str, host: str = "hooks.example.com") -> int:
    transport = HttpWebhookTransport(seconds=2, resolver=lambda: PublicAddresses(FixedResolver(*addresses)))
    return await transport.post(Target(f"http://{host}:{receiver.port}/", private), {}, b"{}")


async def test_a_public_name_with_a_private_address_is_not_called() -> None:
    async with Receiver() as receiver:
        with pytest.raises(DeliveryFailed):
            await post(receiver, False, "127.0.0.1")
        with pytest.raises(DeliveryFailed):
            await post(receiver, False, "93.184.216.34", "127.0.0.1")
    assert receiver.messages == []


@pytest.mark.parametrize("transport", [HttpWebhookTransport(60), DeferredWebhookTransport(DIRECT)])
async def test_a_name_that_really_leads_to_this_machine_is_not_called(transport: WebhookTransport) -> None:
    """With the resolver of the service: a name that nobody knows would not be called for another reason."""
    async with Receiver() as receiver:
        with pytest.raises(DeliveryFailed):
            await transport.post(Target(f"http://localhost:{receiver.port}/", private=False), {}, b"{}")
        assert receiver.messages == []
        assert await transport.post(Target(f"http://localhost:{receiver.port}/", private=True), {}, b"{}") == 204


async def test_a_private_ip_address_is_not_called() -> None:
    async with Receiver() as receiver:
        for host in ("127.0.0.1", "[::ffff:127.0.0.1]", "127.1", "2130706433"):
            with pytest.raises(DeliveryFailed):
                await post(receiver, False, "127.0.0.1", host=host)
    assert receiver.messages == []


async def test_an_allowed_private_host_is_called() -> None:
    async with Receiver() as receiver:
        assert await post(receiver, True, host="localhost") == 204
    assert len(receiver.messages) == 1


async def test_an_unreachable_receiver_is_reported_without_its_address() -> None:
    async with Receiver() as receiver:
        pass
    with pytest.raises(DeliveryFailed) as gone:
        await post(receiver, True, host="localhost")
    assert str(gone.value) == "no reply: ClientConnectorError"
