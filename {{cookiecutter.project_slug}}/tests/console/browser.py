"""A real browser, driven over the DevTools protocol."""

import asyncio
import base64
import json
import os
import shutil
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
TIMEOUT = 120.0
PROBE = "/console/files/probe"
NAVIGATED = ("target navigated", "context was destroyed", "Cannot find context", "Cannot find default")


def installed() -> str | None:
    """The path of a browser. The variable CHROMIUM names one that is not on the PATH."""
    named = os.environ.get("CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


class Navigated(AssertionError):
    """The page left for another while a script ran in it."""


@dataclass
class Page:
    """One tab with its own storage. `log` holds its console messages, with errors and violations of the policy."""

    socket: aiohttp.ClientWebSocketResponse
    session: str = ""
    log: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    failing: asyncio.Future[None] | None = None
    _numbers: count = field(default_factory=lambda: count(1))  # type: ignore[type-arg]
    _pending: dict[int, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)

    async def listen(self) -> None:
        async for message in self.socket:
            event = json.loads(message.data)
            pending = self._pending.pop(event.get("id", 0), None)
            if pending and not pending.done():
                pending.set_result(event)
            elif event.get("method") == "Runtime.exceptionThrown":
                self.log.append(json.dumps(event["params"]["exceptionDetails"]))
            elif event.get("method") == "Log.entryAdded":
                self.log.append(event["params"]["entry"]["text"])
            elif event.get("method") == "Fetch.requestPaused":
                self.failing = asyncio.ensure_future(self._lose(**event["params"]))
            elif event.get("method") == "Network.requestWillBeSent":
                self.requests.append(event["params"]["request"]["url"])

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        reply = self._pending[number] = asyncio.get_running_loop().create_future()
        envelope = {"id": number, "method": method, "params": parameters}
        await self.socket.send_json(envelope | ({"sessionId": self.session} if self.session else {}))
        payload = await asyncio.wait_for(reply, TIMEOUT)
        if any(words in payload.get("error", {}).get("message", "") for words in NAVIGATED):
            raise Navigated(payload["error"]["message"])
        assert "error" not in payload, payload
        return dict(payload["result"])

    async def open(self, url: str) -> None:
        await self.command("Page.navigate", url=url)

    async def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        reply = await self.command("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in reply, reply["exceptionDetails"]
        return reply["result"].get("value")

    async def wait(self, script: str) -> None:
        """Wait until an expression is true. Errors: AssertionError with the text of the page."""
        for _ in range(int(TIMEOUT * 20)):
            with suppress(Navigated):
                if await self.run(f"(async () => {{ try {{ return Boolean({script}) }} catch {{ return false }} }})()"):
                    return
            await asyncio.sleep(0.05)
        raise AssertionError(f"never: {script}\n{await self.text()}\n{self.log}")

    async def text(self) -> str:
        return str(await self.run("document.body.innerText"))

    async def sees(self, text: str) -> None:
        await self.wait(f"document.body.innerText.includes({json.dumps(text)})")

    async def press(self, name: str) -> None:
        """Press the button or link whose label starts with `name`, once it is enabled."""
        visible = "[...document.querySelectorAll('button, a')].filter(e => e.offsetParent && !e.disabled)"
        find = f"{visible}.find(e => e.innerText.trim().startsWith({json.dumps(name)}))"
        await self.wait(f"(e => e && (e.click(), true))({find})")

    async def type(self, field: str, text: str) -> None:
        """Replace the content of the field with this id by real key strokes."""
        await self.wait(f"(e => e && (e.focus(), e.select(), true))(document.getElementById({json.dumps(field)}))")
        await self.strike(text)

    async def strike(self, text: str) -> None:
        """Send real key strokes, one after the other, to the focused element."""
        for letter in text:
            await self.key("Enter" if letter == "\n" else letter)

    async def lose_reply(self, pattern: str) -> None:
        """Let the next request to an address that matches reach the service, and drop the reply."""
        patterns = [{"urlPattern": each, "requestStage": "Response"} for each in (pattern, f"*{PROBE}")]
        await self.command("Fetch.enable", patterns=patterns)
        # The command returns before requests of the page are intercepted.
        await self.wait(f"await fetch('{PROBE}').then(() => false, () => true)")

    async def _lose(self, requestId: str, request: dict[str, Any], **_: Any) -> None:
        await self.command("Fetch.failRequest", requestId=requestId, errorReason="ConnectionReset")
        if not request["url"].endswith(PROBE):
            await self.command("Fetch.disable")

    async def touch(self) -> None:
        """Move the mouse."""
        await self.command("Input.dispatchMouseEvent", type="mouseMoved", x=300, y=300 + len(self.requests) % 50)

    async def key(self, key: str, control: bool = False, alt: bool = False, repeats: int = 0) -> None:
        """Press a real key, hold it down for `repeats` repetitions and release it. It types into the focused element
        unless the page prevents it.
        """
        typed = "" if control or alt else {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        letter = ord(key.upper()) if len(key) == 1 and key.isascii() and key.isalnum() else 0
        code = {"Backspace": 8, "Enter": 13, "Escape": 27}.get(key, letter)
        pressed: dict[str, Any] = {"key": key, "windowsVirtualKeyCode": code, "modifiers": alt + 2 * control}
        kind = "keyDown" if typed else "rawKeyDown"
        for number in range(1 + repeats):
            repeat = {"autoRepeat": number > 0, "text": typed} if typed else {"autoRepeat": number > 0}
            await self.command("Input.dispatchKeyEvent", type=kind, **pressed, **repeat)
        await self.command("Input.dispatchKeyEvent", type="keyUp", **pressed)

    async def nameless(self) -> list[str]:
        """The roles of interactive elements that have no accessible name."""
        tree = (await self.command("Accessibility.getFullAXTree"))["nodes"]
        interactive = {"button", "link", "textbox", "combobox", "checkbox", "meter", "image"}
        nodes = [node for node in tree if node.get("role", {}).get("value") in interactive and not node.get("ignored")]
        assert nodes
        return [node["role"]["value"] for node in nodes if not node.get("name", {}).get("value")]

    async def size(self, width: int, height: int, scheme: str = "light") -> None:
        await self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        await self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    async def picture(self) -> bytes:
        reply = await self.command("Page.captureScreenshot", format="png")
        return base64.b64decode(reply["data"])


@dataclass
class Browser:
    address: str
    client: aiohttp.ClientSession

    @asynccontextmanager
    async def tab(self) -> AsyncIterator[Page]:
        async with self.client.ws_connect(self.address, max_msg_size=0) as socket:
            page = Page(socket)
            listening = asyncio.ensure_future(page.listen())
            context = await page.command("Target.createBrowserContext", disposeOnDetach=True)
            target = await page.command("Target.createTarget", url="about:blank", **context)
            page.session = (await page.command("Target.attachToTarget", targetId=target["targetId"], flatten=True))[
                "sessionId"
            ]
            for domain in ("Page", "Runtime", "Log", "Network"):
                await page.command(f"{domain}.enable")
            await page.command("Emulation.setFocusEmulationEnabled", enabled=True)
            yield page
        await listening


@asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Browser]:
    """Start the installed browser with a profile in `folder`, and stop it afterwards."""
    path = installed()
    assert path is not None
    flags = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")
    quiet = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server")
    process = await asyncio.create_subprocess_exec(
        path, *flags, *quiet, "--remote-debugging-port=0", f"--user-data-dir={folder}", stdout=DEVNULL, stderr=PIPE,
        start_new_session=True,
    )  # fmt: skip
    try:
        address, stderr = await asyncio.wait_for(_address(process), TIMEOUT), process.stderr
        assert stderr
        draining = asyncio.ensure_future(stderr.read())  # a full pipe would block the browser
        async with aiohttp.ClientSession() as client:
            yield Browser(address, client)
        process.terminate()
        await draining
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _address(process: Process) -> str:
    assert process.stderr
    async for line in process.stderr:
        if b"listening on" in line:
            return line.decode().split("listening on ")[1].strip()
    raise AssertionError("the browser did not start")
