from typing import TypeVar

from pydantic import BaseModel, ValidationError

from app.core.json_types import JsonObject
from app.mcp.domain.tools import ToolArgumentsInvalid

Arguments = TypeVar("Arguments", bound=BaseModel)

MAX_NAMED = 200


def parse(model: type[Arguments], arguments: JsonObject) -> Arguments:
    """Errors: ToolArgumentsInvalid, with a sentence that names the first wrong argument."""
    try:
        return model.model_validate(dict(arguments))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:MAX_NAMED]
        raise ToolArgumentsInvalid(f"{where or 'The arguments'}: {first['msg']}.") from error
