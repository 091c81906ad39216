"""The clients that were run against the service, from the committed result of `make clients`."""

import json
from pathlib import Path
from typing import Any

from reference_markdown import page, table

from benchmarks.clients.catalogue import CHECKS, PROGRAMS

RESULT = Path(__file__).resolve().parent.parent / "benchmarks" / "results" / "clients.json"
MEANINGS = (
    ("answer", "a question is answered, as text"),
    ("stream", "the same as a stream"),
    ("refusal", "a question that the documents do not answer: the client shows the service's sentence"),
    ("error", "a request that is refused: the client raises an error with the service's sentence"),
    ("budget", "no money is left: the same"),
    ("citations", "the member `answer` of the reply is within reach, with documents and places"),
    ("responses", "`POST /v1/responses` through this client"),
    ("responses stream", "the same as a stream"),
    ("annotations", "the sources of the marks arrive as the client's own citations"),
    ("structured output", "an object by a schema of the client"),
    ("own tools", "the model calls a tool of the client, and the answer has its result"),
    ("tour", "every operation of the OpenAPI document"),
)


def clients_page() -> str:
    clients = json.loads(RESULT.read_text(encoding="utf-8"))["clients"]
    return page(
        "Clients",
        "Clients that others have written, each run by `make clients` in a process of its own against the service "
        "over real HTTP. `yes`: it works. `refused`: the service says in its own words that it does not do this. "
        "Empty: the client has no such thing, or it is not run.",
        table(("client", "version", *CHECKS), [_row(program.name, clients.get(program.name)) for program in PROGRAMS]),
        "## What is tried",
        table(("", "what must happen"), MEANINGS),
        "## How to set them up",
        "`…` is the address of the service, `sk_…` a key.",
        table(("client", "setup"), [(program.name, f"`{program.setup}`") for program in PROGRAMS]),
    )


def _row(name: str, result: dict[str, Any] | None) -> tuple[str, ...]:
    if result is None:
        return (name, "not run", *("" for _ in CHECKS))
    return (name, result["version"], *(_word(result["checks"].get(check, "")) for check in CHECKS))


def _word(outcome: str) -> str:
    kind = outcome.partition(":")[0]
    return {"works": "yes", "refused": "refused", "failed": "**no**", "": ""}[kind]
