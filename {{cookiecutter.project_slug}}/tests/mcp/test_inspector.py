"""The inspector of the protocol against the service, where `@modelcontextprotocol/inspector` is installed by npm
(Node 22 or newer), or MCP_INSPECTOR is the path of its command.
"""

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.inference.conftest import Service

INSPECTOR = os.environ.get("MCP_INSPECTOR") or shutil.which("mcp-inspector")
pytestmark = pytest.mark.skipif(not INSPECTOR, reason="the inspector is not installed, which needs npm")


async def inspect(service: Service, folder: Path, *arguments: str) -> Any:
    """Its output, once it found nothing wrong."""
    options = ["--cli", f"{service.url}/mcp", "--transport", "http", "--catalog", str(folder / "catalog.json")]
    process = await asyncio.create_subprocess_exec(
        str(INSPECTOR),
        *options,
        "--header",
        f"Authorization: Bearer {service.key}",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode() + printed.decode()
    return orjson.loads(printed)


async def test_the_inspector_lists_and_calls_the_tools(service: Service, tmp_path: Path) -> None:
    tools = (await inspect(service, tmp_path, "--method", "tools/list", "--strict"))["tools"]
    assert {"search", "answer", "read_document", "look_up_ticket"} <= {tool["name"] for tool in tools}
    call = ("--method", "tools/call", "--tool-name", "search", "--tool-arg", "query=lighthouse")
    found = (await inspect(service, tmp_path, *call))["structuredContent"]
    assert found["passages"][0]["title"] == "Lighthouse"
