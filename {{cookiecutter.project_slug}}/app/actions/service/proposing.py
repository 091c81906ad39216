"""From what a model wrote to a proposal: listed, well formed, within its limits. Nothing is done here."""

from typing import Any

import orjson
from pydantic import BaseModel, ValidationError

from app.actions.domain import ArgumentsRefused, Offer
from app.actions.ports import Action
from app.releases.domain import canonical_json

LONGEST = 20_000
"""Characters of arguments, as JSON."""


def offer_of(action: Action) -> Offer:
    schema = action.arguments.model_json_schema()
    return Offer(action.name, action.description, action.risk, action.scope, schema, action.untrusted)


def read_arguments(action: Action, text: str) -> tuple[BaseModel, dict[str, Any]]:
    """The arguments that a model or a person wrote as JSON: as the action takes them, and as they are kept.

    Errors: ArgumentsRefused, with a sentence that says which of them is wrong and how.
    """
    if len(text) > LONGEST:
        raise ArgumentsRefused(f"The arguments are longer than {LONGEST:,} characters.")
    try:
        read = action.arguments.model_validate_json(text or "{}", strict=True)
        kept: dict[str, Any] = orjson.loads(canonical_json(read.model_dump(mode="json")))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ArgumentsRefused(f"{where or 'The arguments'}: {first['msg']}.") from error
    except ValueError as error:
        raise ArgumentsRefused("The arguments are no JSON that can be kept.") from error
    if b"\\u0000" in orjson.dumps(kept):
        raise ArgumentsRefused("The arguments hold the character NUL.")
    return read, kept
