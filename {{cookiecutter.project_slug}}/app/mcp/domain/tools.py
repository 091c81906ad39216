"""The tools of the MCP server: what a client is told about one, and what a call returns."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from app.actions.domain import RiskClass
from app.core.errors import Invalid, Problem
from app.core.json_types import JsonObject
from app.core.redaction import redact, redact_value
from app.identity.domain import Principal

USE_PERMISSION = "mcp:use"

ReportProgress = Callable[[float, str], Awaitable[None]]
"""Sends the client how far a call is, in characters, and the next piece of text."""


class ToolArgumentsInvalid(Invalid):
    code, title = "tool_arguments_invalid", "The arguments do not fit the tool"
    action = "Send the arguments that the tool's input schema names, and no others."


class ToolNotFound(Invalid):
    code, title = "tool_not_found", "There is no such tool"
    action = "List the tools again: the list depends on the release and on what the key may do."


@dataclass(frozen=True, slots=True)
class ToolEffects:
    """What a tool may do, as hints for clients; the service itself does not rely on them."""

    read_only: bool
    destructive: bool
    idempotent: bool
    open_world: bool


EFFECTS_OF_RISK: Mapping[RiskClass, ToolEffects] = {
    "read": ToolEffects(read_only=True, destructive=False, idempotent=True, open_world=False),
    "reversible": ToolEffects(read_only=False, destructive=False, idempotent=False, open_world=False),
    "irreversible": ToolEffects(read_only=False, destructive=True, idempotent=False, open_world=False),
}


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """A tool as clients see it. input_schema, output_schema: JSON Schema 2020-12."""

    name: str
    title: str
    description: str
    input_schema: JsonObject
    output_schema: JsonObject
    effects: ToolEffects


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """What a call returns. structured: fits the output schema. text: the same as a model reads it."""

    structured: JsonObject
    text: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class ToolInvocation:
    """One call. environment: None for production. report: None where the client wants no progress."""

    caller: Principal
    arguments: Mapping[str, Any]
    environment: str | None = None
    report: ReportProgress | None = None


def schema_of(model: type[BaseModel]) -> JsonObject:
    """The JSON schema of a model, compact: a client's model pays for each token of it."""
    return compact(model.model_json_schema())


def compact(schema: JsonObject) -> JsonObject:
    """The schema without titles, and with one list of types in place of alternatives that are plain types."""
    found: JsonObject = _compact(schema)
    return found


def _compact(value: Any, names: bool = False) -> Any:
    """names: whether the keys of `value` are names of properties, of which one may be `title`."""
    if isinstance(value, list):
        return [_compact(each) for each in value]
    if not isinstance(value, dict):
        return value
    schema = {
        name: _compact(each, not names and name in ("properties", "$defs"))
        for name, each in value.items()
        if names or name != "title"
    }
    return schema if names else _merged(schema)


def _merged(schema: dict[str, Any]) -> dict[str, Any]:
    parts = schema.get("anyOf")
    if not isinstance(parts, list) or len(parts) != 2 or parts[1] != {"type": "null"} or "type" not in parts[0]:
        return schema
    first = dict(parts[0])
    rest = {name: each for name, each in schema.items() if name != "anyOf" and (name, each) != ("default", None)}
    return {"type": [first.pop("type"), "null"], **first, **rest}


def problem_fields(problem: Mapping[str, Any]) -> dict[str, Any]:
    """The members of problem details that a tool's output has."""
    return {name: problem[name] for name in ("code", "title", "detail", "action") if name in problem}


def output_of_problem(problem: Problem) -> ToolOutput:
    """A refusal that the model of the client can read and act on."""
    fields = problem_fields(problem.as_dict())
    if problem.retry_after is not None:
        fields["retry_after"] = round(problem.retry_after, 3)
    lines = [f"{problem.title} ({problem.code}).", problem.detail, problem.what_to_do]
    return ToolOutput(redact_value(fields), redact("\n".join(line for line in lines if line)), failed=True)
