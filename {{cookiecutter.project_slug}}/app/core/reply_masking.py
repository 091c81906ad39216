"""The last step of what routes reply: texts that people stored leave without the credentials in them."""

import asyncio
from collections.abc import Collection, Mapping, MutableMapping
from typing import Any

import orjson

from app.core.http import App, Receive, Scope, Send
from app.core.redaction import redact

LARGE_BYTES = 16_384
"""Larger replies are masked in a thread, so that other requests go on."""
JSON = "application/json"
TEXTS = frozenset({"text/html", "text/markdown", "text/csv", "text/plain"})


class WithoutSecrets:
    """ASGI middleware: masks what the installed detectors find in the JSON and in the pages of `under`. Names of
    members and the values of numbers stay.

    unmasked: method and path of the routes whose replies leave as they are, each with the reason.
    """

    def __init__(self, app: App, unmasked: Mapping[str, str], under: str = "/v1/") -> None:
        self.app, self.unmasked, self.under = app, unmasked, under

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(self.under):
            await self.app(scope, receive, send)
            return
        start: MutableMapping[str, Any] | None = None
        body: list[bytes] = []

        async def masked(message: MutableMapping[str, Any]) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and self._masks(scope, message):
                start = message
            elif start is None:
                await send(message)
            else:
                body.append(message.get("body", b""))
                if not message.get("more_body"):
                    content = await _masked(b"".join(body), _type_of(start))
                    await send({**start, "headers": _with_length(start["headers"], len(content))})
                    await send({**message, "body": content})

        await self.app(scope, receive, masked)

    def _masks(self, scope: Scope, start: Mapping[str, Any]) -> bool:
        route = getattr(scope.get("route"), "path", "")
        return _type_of(start) in (JSON, *TEXTS) and f"{scope['method']} {route}" not in self.unmasked


async def _masked(content: bytes, media_type: str) -> bytes:
    if len(content) < LARGE_BYTES:
        return masked_content(content, media_type)
    return await asyncio.to_thread(masked_content, content, media_type)


def masked_content(content: bytes, media_type: str) -> bytes:
    """The same bytes where nothing is masked."""
    if media_type in TEXTS:
        text = content.decode(errors="surrogateescape")  # bytes that are no UTF-8 stay as they are
        masked = redact(text)
        return content if masked == text else masked.encode(errors="surrogateescape")
    value = orjson.loads(content) if content else None
    shown = masked_value(value)
    return content if shown is value else orjson.dumps(shown)


def masked_value(value: Any) -> Any:
    """JSON with its texts masked; the same object where there is nothing to mask."""
    if isinstance(value, str):
        masked = redact(value)
        return value if masked == value else masked
    if isinstance(value, list):
        shown = [masked_value(each) for each in value]
        return value if _are_same(shown, value) else shown
    if isinstance(value, dict):
        shown = [masked_value(each) for each in value.values()]
        return value if _are_same(shown, value.values()) else dict(zip(value, shown, strict=True))
    return value


def _are_same(shown: Collection[Any], values: Collection[Any]) -> bool:
    return all(one is other for one, other in zip(shown, values, strict=True))


def _type_of(start: Mapping[str, Any]) -> str:
    found = next((value for name, value in start.get("headers", ()) if name.lower() == b"content-type"), b"")
    return str(found.decode("latin-1")).partition(";")[0].strip().lower()


def _with_length(headers: Collection[tuple[bytes, bytes]], length: int) -> list[tuple[bytes, bytes]]:
    others = [(name, value) for name, value in headers if name.lower() != b"content-length"]
    return [*others, (b"content-length", str(length).encode())]
