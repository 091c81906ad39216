"""A client that openapi-python-client generates from the service's own document calls every operation."""

import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from inspect import signature
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from common import URL, run

ADMIN = os.environ["CLIENT_ADMIN_KEY"]
MOST_SECONDS = 120.0
CONFIG = {"content_type_overrides": {"application/x-ndjson": "application/octet-stream"}}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        document = httpx.get(f"{URL}/openapi.json").json()
        warned = generate(Path(folder), document)
        sys.path.insert(0, folder)

        def generated() -> str:
            return f"failed: the generator warns: {warned[:300]}" if "WARNING" in warned else "works"

        run({"answer": generated, "tour": lambda: tour(document)}, "openapi-python-client")


def generate(folder: Path, document: dict[str, Any]) -> str:
    (folder / "openapi.json").write_text(json.dumps(document))
    (folder / "config.json").write_text(json.dumps(CONFIG))
    command = [str(Path(sys.executable).with_name("openapi-python-client")), "generate", "--path", "openapi.json"]
    done = subprocess.run(
        [*command, "--config", "config.json", "--meta", "none", "--output-path", "service_client"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout + done.stderr


def tour(document: dict[str, Any]) -> str:
    client = importlib.import_module("service_client").AuthenticatedClient(
        base_url=URL, token=ADMIN, timeout=MOST_SECONDS
    )
    modules = {
        path.stem: path for path in Path(importlib.import_module("service_client").__file__).parent.glob("api/*/*.py")
    }
    faults, called = [], 0
    for method, path, operation in operations(document):
        name = re.sub(r"_+", "_", operation["operationId"])
        module = modules.get(name)
        if module is None:
            faults.append(f"{method} {path}: not generated")
            continue
        call = importlib.import_module(f"service_client.api.{module.parent.name}.{name}").sync_detailed
        try:
            reply = call(client=client, **arguments(call, operation, document))
        except Exception as error:
            faults.append(f"{method} {path}: {type(error).__name__} {str(error)[:200]}")
            continue
        called += 1
        if str(int(reply.status_code)) not in operation["responses"] or int(reply.status_code) >= 500:
            faults.append(f"{method} {path}: {reply.status_code}")
        elif reply.parsed is None and reply.content and "json" in reply.headers.get("content-type", ""):
            faults.append(f"{method} {path}: the reply with {reply.status_code} is not parsed")
    return f"failed: {len(faults)} of {called}: {'; '.join(faults)[:2000]}" if faults else "works"


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def arguments(call: Any, operation: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for parameter in operation.get("parameters", []):
        schema = parameter["schema"]
        if parameter["in"] == "query" and parameter.get("required") and schema.get("format") == "date-time":
            given[parameter["name"]] = datetime.now(UTC)
        if parameter["in"] == "path":
            given[parameter["name"]] = uuid4() if schema.get("format") == "uuid" else schema.get("enum", ["nothing"])[0]
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        body = signature(call).parameters["body"].annotation
        given["body"] = (
            model_of(body).from_dict(content["example"]) if "json" in kind else form(body, content["example"])
        )
    return given


def model_of(annotation: Any) -> Any:
    """The model of a body that may be left out as well."""
    return next(each for each in (annotation, *getattr(annotation, "__args__", ())) if hasattr(each, "from_dict"))


def form(annotation: Any, example: dict[str, Any]) -> Any:
    from io import BytesIO

    from service_client.types import File

    def file(name: str) -> Any:
        return File(payload=BytesIO(b"Notice is three months."), file_name="notice.txt", mime_type="text/plain")

    model = model_of(annotation)
    values = dict(example)
    if "files" in values:
        values["files"] = [file(each) for each in values["files"]]
    if "file" in values:
        values["file"] = file(values["file"])
    return model(**values)


main()
