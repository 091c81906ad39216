"""Results of tools, of this service's and of a client's, before a model reads them: they are screened as documents."""

from dataclasses import replace
from typing import Any

import orjson

from app.inference.domain.tool_calls import ToolResult, ToolSession
from app.safety.domain.policy import SecurityPolicy
from app.safety.domain.screening import screen_fields
from app.safety.domain.text import normalise

WITHHELD = "What came back is withheld by the security policy."


def screened_result(security: SecurityPolicy, session: ToolSession, name: str, result: ToolResult) -> ToolResult | None:
    """The result, normalised; None for one that would be quarantined as a document. The session gets the findings,
    under the name.
    """
    findings = screen_fields({name: result.text})
    session.findings = (*session.findings, *findings)
    if any(security.document_action(finding) == "quarantine" for finding in findings):
        return None
    return replace(result, content=normalised_content(result.content), text=normalise(result.text).text)


def normalised_content(content: str) -> str:
    """An object or a list is normalised value by value, so that it stays JSON; anything else as a text."""
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        value = None
    return orjson.dumps(_normalised(value)).decode() if isinstance(value, dict | list) else normalise(content).text


def _normalised(value: Any) -> Any:
    if isinstance(value, str):
        return normalise(value).text
    if isinstance(value, dict):
        return {normalise(name).text: _normalised(each) for name, each in value.items()}
    return [_normalised(each) for each in value] if isinstance(value, list) else value
