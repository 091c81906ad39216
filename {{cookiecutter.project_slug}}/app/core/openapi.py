"""Completes the OpenAPI document with what FastAPI does not know: problems, tags, examples and who needs a key."""

from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from app.core.errors import Problem
from app.core.problems import MEDIA, is_openai
from app.core.text import LARGEST

EXAMPLES = Path(__file__).parent / "pages" / "request_examples.yaml"
STREAM = "text/event-stream"
EVENTS: dict[str, Any] = {STREAM: {}}
"""The content of a response that may be a stream."""
JSON_OBJECT: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/json": {"schema": {"type": "object", "additionalProperties": True}}}}
}
DOWNLOAD: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}

_EVERY = (400, 404, 408, 413, 422, 431, 500, 503, 504)
_WITH_KEY = (401, 403, 409, 429)
_WRITES = (402, 415, 502, 507)

TAGS: Mapping[str, str] = {
    "answers": "Questions and cited answers.",
    "openai": "The same answers in the formats of OpenAI, for its clients.",
    "mcp": "What clients of the Model Context Protocol look up.",
    "search": "Passages of documents for a question, without an answer.",
    "documents": "Uploads, documents, their texts, who may read them, and quarantine.",
    "tickets": "The tickets that the sample actions work on.",
    "actions": "What models proposed to do, and its state.",
    "review": "Answers and actions that wait for a person's decision.",
    "evaluation": "Runs of the golden set against a release, and their reports.",
    "releases": "Releases, environments, canaries and rollbacks.",
    "governance": "Approvals, readiness, the audit log, the model card.",
    "monitoring": "Objectives, drift, data health, failure patterns and business value.",
    "costs": "Costs and budgets.",
    "keys": "API keys and their callers.",
    "privacy": "Exports, erasures and holds of personal data.",
    "system": "Health and metrics.",
}

EXTENSIONS = {"extensions": "What this service adds to its template."}
_TEXT = {"type": "string"}
PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "type": "object",
    "description": "RFC 9457: what went wrong, in words for a person and a `code` for a program.",
    "properties": {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": _TEXT,
        "code": {"type": "string", "description": "Stable; docs/reference/problems.md lists them."},
        "action": {"type": "string", "description": "What to do about it."},
        "instance": _TEXT,
        "request_id": _TEXT,
        "errors": {
            "type": "array",
            "description": "The fields that were refused.",
            "items": {"type": "object", "properties": {"field": _TEXT, "message": _TEXT, "kind": _TEXT}},
        },
    },
    "required": ["type", "title", "status", "detail", "code"],
    "additionalProperties": True,
    "example": {
        "type": "/problems/not_found",
        "title": "Not found",
        "status": 404,
        "detail": "There is nothing at /v1/nowhere.",
        "code": "not_found",
        "action": "See /docs for the addresses that exist.",
    },
}
_NULLABLE_TEXT = {"anyOf": [_TEXT, {"type": "null"}]}
OPENAI_PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "OpenAIProblem",
    "description": "A problem, with the member that clients of OpenAI read.",
    "allOf": [
        {"$ref": "#/components/schemas/Problem"},
        {
            "type": "object",
            "required": ["error"],
            "properties": {
                "error": {
                    "type": "object",
                    "required": ["message", "type", "code", "param"],
                    "properties": {"message": _TEXT, "type": _TEXT, "code": _TEXT, "param": _NULLABLE_TEXT},
                }
            },
        },
    ],
}


def problem_statuses(method: str, keyed: bool) -> tuple[int, ...]:
    """The statuses with which an operation may fail. keyed: it needs a key."""
    statuses = {*_EVERY, *(_WITH_KEY if keyed else ()), *(() if method.upper() == "GET" else _WRITES)}
    return tuple(sorted(statuses))


def complete(document: dict[str, Any], without_key: Collection[str]) -> dict[str, Any]:
    """The document of FastAPI, completed. without_key: the paths of operations that need none."""
    components = document["components"]
    schemas = components["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas |= {"Problem": PROBLEM_SCHEMA, "OpenAIProblem": OPENAI_PROBLEM_SCHEMA}
    components["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "An API key, or a token of the identity provider."}
    }
    _name_items_of_tuples(schemas)
    _write_bounds(document)
    used: set[str] = set()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete_operation(operation, method, path, path not in without_key)
            used.update(operation.get("tags", ()))
    described = ({**TAGS, **EXTENSIONS}).items()
    document["tags"] = [{"name": name, "description": text} for name, text in described if name in used]
    return document


def _complete_operation(operation: dict[str, Any], method: str, path: str, keyed: bool) -> None:
    operation["security"] = [{"key": []}] if keyed else []
    responses = operation["responses"]
    schema = "OpenAIProblem" if is_openai(path) else "Problem"
    # With an empty id it is the path of another operation, which may not have the method.
    elsewhere = (405,) if "{" in path else ()
    for status in (*problem_statuses(method, keyed), *elsewhere):
        described = responses.get(str(status), {})
        if not described or "HTTPValidationError" in str(described):
            responses[str(status)] = _problem_response(status, schema)
    example = _examples().get(f"{method.upper()} {path}")
    for content in operation.get("requestBody", {}).get("content", {}).values() if example is not None else ():
        content["example"] = example


def _name_items_of_tuples(schema: Any) -> None:
    """Readers of OpenAPI expect `items` in every array, also where `prefixItems` says it all."""
    if isinstance(schema, dict) and "prefixItems" in schema:
        schema.setdefault("items", {"anyOf": schema["prefixItems"]})
    for each in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        _name_items_of_tuples(each)


_BOUNDS = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}


def _write_bounds(schema: Any) -> None:
    """Pydantic leaves the bounds of a type with a validator under its own names, and FastAPI writes bounds as floats,
    which 2^63 - 1 is none of.
    """
    if isinstance(schema, dict):
        bounds = {name: each for name, each in schema.items() if isinstance(each, int | float)}
        for name, bound in bounds.items():
            if name in _BOUNDS or name in _BOUNDS.values():
                whole = isinstance(bound, int) or bound.is_integer()
                del schema[name]
                schema[_BOUNDS.get(name, name)] = max(-LARGEST, min(LARGEST, int(bound))) if whole else bound
    for each in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        _write_bounds(each)


def _problem_response(status: int, schema: str) -> dict[str, Any]:
    return {
        "description": _titles()[status],
        "content": {MEDIA: {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }


@cache
def _titles() -> dict[int, str]:
    """What a problem of each status means, by its most general class."""
    kinds: tuple[type[Problem], ...] = (Problem, *Problem.__subclasses__())
    return {502: "A provider sent an unusable response", 415: "Not supported"} | {
        kind.status: kind.title for kind in reversed(kinds)
    }


@cache
def _examples() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(EXAMPLES.read_text(encoding="utf-8"))
    return found
