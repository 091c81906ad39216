"""Arguments of actions, as a model or a person wrote them."""

import orjson
from pydantic import ValidationError

from app.actions.domain import ActionOffer, InvalidArguments
from app.actions.ports import Action
from app.actions.service.external_actions import ExternalAction
from app.core.json_types import JsonObject
from app.releases.domain import canonical_json

MAX_CHARACTERS = 20_000
"""Of all arguments of one action, as JSON."""


def offer_of(action: Action) -> ActionOffer:
    """The action as callers and models see it."""
    schema, external = action.arguments.model_json_schema(), isinstance(action, ExternalAction)
    return ActionOffer(action.name, action.description, action.risk, action.scope, schema, action.untrusted, external)


def listed_values(action: Action) -> dict[str, frozenset[str]]:
    """By argument, the values that its schema lists, which are the configuration's whoever chooses one."""
    properties = action.arguments.model_json_schema().get("properties", {})
    return {name: frozenset(map(str, schema.get("enum", ()))) for name, schema in properties.items()}


def parse_arguments(action: Action, text: str) -> JsonObject:
    """The arguments as they are stored. text: a JSON object.

    Errors: InvalidArguments, with a sentence that names the first wrong argument.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidArguments(f"The arguments are longer than {MAX_CHARACTERS:,} characters.")
    try:
        model = action.arguments.model_validate_json(text or "{}", strict=True)
        arguments: JsonObject = orjson.loads(canonical_json(model.model_dump(mode="json")))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        location = ".".join(str(part) for part in first["loc"])
        raise InvalidArguments(f"{location or 'The arguments'}: {first['msg']}.") from error
    except ValueError as error:
        raise InvalidArguments("The arguments are not JSON that can be stored.") from error
    if b"\\u0000" in orjson.dumps(arguments):
        raise InvalidArguments("The arguments contain the character NUL.")
    return arguments
