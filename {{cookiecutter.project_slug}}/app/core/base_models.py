from functools import cached_property

from pydantic import BaseModel, ConfigDict


class ExactModel(BaseModel):
    """Base of what is read from outside: policies, files and the bodies of requests. An unknown field is rejected, as a
    misspelt one must not be silently ignored. Its values never change.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ignored_types=(cached_property,))


class ResponseModel(BaseModel):
    """Base of a response that `model_validate` makes of a value with attributes of the same names."""

    model_config = ConfigDict(from_attributes=True)
