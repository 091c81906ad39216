"""A real browser, driven over its own protocol: what a person would see and do."""

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
PATIENCE = 120.0
PROBE = "/console/files/probe"


def installed() -> str | None:
    """Where a browser is; CHROMIUM names one that is not on the PATH."""
    named = os.environ.get("CHROMIUM")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)


@dataclass
class Page:
    """One tab with a storage of its own. `said` is what its console printed, errors and refusals of the policy too."""

    socket: aiohttp.ClientWebSocketResponse
    session: str = ""
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    losing: asyncio.Future[None] | None = None
    _numbers: count = field(default_factory=lambda: count(1))  # type: ignore[type-arg]
    _waiting: dict[int, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)

    async def listen(self) -> None:
        async for message in self.socket:
            told = json.loads(message.data)
            waiting = self._waiting.pop(told.get("id", 0), None)
            if waiting and not waiting.done():
                waiting.set_result(told)
            elif told.get("method") == "Runtime.exceptionThrown":
                self.said.append(json.dumps(told["params"]["exceptionDetails"]))
            elif told.get("method") == "Log.entryAdded":
                self.said.append(told["params"]["entry"]["text"])
            elif told.get("method") == "Fetch.requestPaused":
                self.losing = asyncio.ensure_future(self._lose(**told["params"]))
            elif told.get("method") == "Network.requestWillBeSent":
                self.asked.append(told["params"]["request"]["url"])

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        waiting = self._waiting[number] = asyncio.get_running_loop().create_future()
        envelope = {"id": number, "method": method, "params": parameters}
        await self.socket.send_json(envelope | ({"sessionId": self.session} if self.session else {}))
        told = await asyncio.wait_for(waiting, PATIENCE)
        assert "error" not in told, told
        return dict(told["result"])

    async def open(self, url: str) -> None:
        await self.command("Page.navigate", url=url)

    async def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        told = await self.command("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    async def wait(self, script: str) -> None:
        """Until an expression is true. Errors: AssertionError with what the page shows."""
        for _ in range(int(PATIENCE * 20)):
            if await self.run(f"(async () => {{ try {{ return Boolean({script}) }} catch {{ return false }} }})()"):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"never: {script}\n{await self.text()}\n{self.said}")

    async def text(self) -> str:
        return str(await self.run("document.body.innerText"))

    async def sees(self, words: str) -> None:
        await self.wait(f"document.body.innerText.includes({json.dumps(words)})")

    async def press(self, name: str) -> None:
        """A button or link by the beginning of what it says, when it can be pressed."""
        shown = "[...document.querySelectorAll('button, a')].filter(e => e.offsetParent && !e.disabled)"
        find = f"{shown}.find(e => e.innerText.trim().startsWith({json.dumps(name)}))"
        await self.wait(f"(e => e && (e.click(), true))({find})")

    async def type(self, field: str, text: str) -> None:
        """Real key strokes into the field with this id, instead of what it holds."""
        await self.wait(f"(e => e && (e.focus(), e.select(), true))(document.getElementById({json.dumps(field)}))")
        await self.strike(text)

    async def strike(self, text: str) -> None:
        """Real key strokes, one after the other, into whatever has the focus."""
        for letter in text:
            await self.key("Enter" if letter == "\n" else letter)

    async def lose_reply(self, pattern: str) -> None:
        """The service gets the next request to an address like this, and its reply gets lost."""
        wanted = [{"urlPattern": each, "requestStage": "Response"} for each in (pattern, f"*{PROBE}")]
        await self.command("Fetch.enable", patterns=wanted)
        # The command is answered before the page's requests go the new way.
        await self.wait(f"await fetch('{PROBE}').then(() => false, () => true)")

    async def _lose(self, requestId: str, request: dict[str, Any], **_: Any) -> None:
        await self.command("Fetch.failRequest", requestId=requestId, errorReason="ConnectionReset")
        if not request["url"].endswith(PROBE):
            await self.command("Fetch.disable")

    async def touch(self) -> None:
        """A hand on the mouse."""
        await self.command("Input.dispatchMouseEvent", type="mouseMoved", x=300, y=300 + len(self.asked) % 50)

    async def key(self, key: str, control: bool = False, alt: bool = False, repeats: int = 0) -> None:
        """A real key, pressed, held down for so many repeats and let go. It types where the focus is, unless the page
        prevents it.
        """
        typed = "" if control or alt else {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        letter = ord(key.upper()) if len(key) == 1 and key.isascii() and key.isalnum() else 0
        code = {"Backspace": 8, "Enter": 13, "Escape": 27}.get(key, letter)
        pressed: dict[str, Any] = {"key": key, "windowsVirtualKeyCode": code, "modifiers": alt + 2 * control}
        kind = "keyDown" if typed else "rawKeyDown"
        for number in range(1 + repeats):
            held = {"autoRepeat": number > 0, "text": typed} if typed else {"autoRepeat": number > 0}
            await self.command("Input.dispatchKeyEvent", type=kind, **pressed, **held)
        await self.command("Input.dispatchKeyEvent", type="keyUp", **pressed)

    async def nameless(self) -> list[str]:
        """Roles of what can be operated and has no name for those who do not see it."""
        tree = (await self.command("Accessibility.getFullAXTree"))["nodes"]
        operated = {"button", "link", "textbox", "combobox", "checkbox", "meter", "image"}
        found = [node for node in tree if node.get("role", {}).get("value") in operated and not node.get("ignored")]
        assert found
        return [node["role"]["value"] for node in found if not node.get("name", {}).get("value")]

    async def size(self, width: int, height: int, scheme: str = "light") -> None:
        await self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        await self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    async def picture(self) -> bytes:
        told = await self.command("Page.captureScreenshot", format="png")
        return base64.b64decode(told["data"])


@dataclass
class Browser:
    address: str
    client: aiohttp.ClientSession

    @asynccontextmanager
    async def tab(self) -> AsyncIterator[Page]:
        async with self.client.ws_connect(self.address, max_msg_size=0) as socket:
            page = Page(socket)
            listening = asyncio.ensure_future(page.listen())
            context = await page.command("Target.createBrowserContext")
            made = await page.command("Target.createTarget", url="about:blank", **context)
            page.session = (await page.command("Target.attachToTarget", targetId=made["targetId"], flatten=True))[
                "sessionId"
            ]
            for domain in ("Page", "Runtime", "Log", "Network"):
                await page.command(f"{domain}.enable")
            await page.command("Emulation.setFocusEmulationEnabled", enabled=True)
            yield page
        await listening


@asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Browser]:
    """Starts the browser that is installed, with a profile in `folder`, and ends it."""
    found = installed()
    assert found is not None
    flags = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")
    quiet = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server")
    process = await asyncio.create_subprocess_exec(
        found, *flags, *quiet, "--remote-debugging-port=0", f"--user-data-dir={folder}", stdout=DEVNULL, stderr=PIPE,
        start_new_session=True,
    )  # fmt: skip
    try:
        address, told = await asyncio.wait_for(_address(process), PATIENCE), process.stderr
        assert told
        draining = asyncio.ensure_future(told.read())  # else it stands still once the pipe is full
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
