"""Answers as a JSON object of the client's own form."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

import orjson
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import extend
from pydantic import StringConstraints, TypeAdapter
from pydantic_core import SchemaError as PatternError
from pydantic_core import ValidationError as PatternMismatch
from referencing import Registry
from referencing.exceptions import Unresolvable

from app.core.errors import Invalid
from app.core.json_types import JsonObject

MAX_SCHEMA_CHARACTERS, MAX_DEPTH = 20_000, 20
MAX_STEPS = 100_000
"""Keywords of a schema that are applied to one object; a schema can be made to need exponentially many."""
MAX_NESTED_STEPS = 80
"""Of them inside each other; a schema can refer to itself without end."""
MAX_COMPLAINT = 500
_FENCED = re.compile(r"\A```\w*\s*\n(.*)\n```\s*\Z", re.DOTALL)
_LOCAL_REFERENCE = re.compile(r"#(/.*)?")


class FormatInvalid(Invalid):
    code, title, param = "response_format_invalid", "This response_format cannot be followed", "response_format"
    action = 'Send {"type": "json_schema", "json_schema": {"name": ..., "schema": ...}}, with a schema of an object.'


class ObjectInvalid(Exception):
    """A reply is not the object that was asked for. The message says why, in words for a model."""


@dataclass(frozen=True, slots=True)
class AnswerFormat:
    """schema: the JSON schema of the object; None for any object."""

    name: str = "object"
    schema: JsonObject | None = None
    strict: bool | None = None

    @property
    def as_openai(self) -> JsonObject:
        if self.schema is None:
            return {"type": "json_object"}
        strict = {} if self.strict is None else {"strict": self.strict}
        return {"type": "json_schema", "json_schema": {"name": self.name, "schema": self.schema, **strict}}

    @property
    def text(self) -> str:
        return "" if self.schema is None else orjson.dumps(self.schema).decode()

    @property
    def listed_values(self) -> frozenset[str]:
        """Texts that the schema itself lists, which are not claims of the model."""
        return frozenset(_listed(self.schema))

    def parse(self, text: str) -> JsonObject:
        """The object in a model's reply. Errors: ObjectInvalid."""
        fenced = _FENCED.match(text.strip())
        try:
            parsed = orjson.loads(fenced[1] if fenced else text)
        except orjson.JSONDecodeError as error:
            raise ObjectInvalid("It is not JSON.") from error
        if not isinstance(parsed, dict):
            raise ObjectInvalid("It is not a JSON object.")
        self.check(parsed)
        return parsed

    def check(self, parsed: JsonObject) -> None:
        """Errors: ObjectInvalid."""
        if self.schema is None:
            return
        if (error := _first_error(self.schema, parsed)) is not None:
            place = "/".join(map(str, error.absolute_path)) or "the object"
            raise ObjectInvalid(f"{place}: {error.message}"[:MAX_COMPLAINT])


def check_schema(schema: JsonObject) -> None:
    """Whether objects can be checked by this schema, without a foreign address and in bounded time.

    Errors: FormatInvalid.
    """
    written = orjson.dumps(schema)
    if len(written) > MAX_SCHEMA_CHARACTERS:
        raise FormatInvalid(f"The schema is longer than {MAX_SCHEMA_CHARACTERS:,} characters.")
    _check_written(written)


@lru_cache(maxsize=256)
def _check_written(written: bytes) -> None:
    """Remembers schemas that are good: clients send the same with each request."""
    schema: JsonObject = orjson.loads(written)
    for name, value in _keywords(schema, 0):
        if name in ("$ref", "$dynamicRef") and not _LOCAL_REFERENCE.fullmatch(str(value)):
            raise FormatInvalid("The schema refers to another address; only references within it (#/...) are followed.")
        if name == "patternProperties":
            raise FormatInvalid("The schema has patternProperties, which are not supported.")
        if name == "pattern" and isinstance(value, str):
            _check_pattern(value)
    try:
        Draft202012Validator.check_schema(schema)
        _first_error(schema, {})
    except (SchemaError, Unresolvable) as error:
        raise FormatInvalid(f"The schema is not valid: {str(getattr(error, 'message', error))[:300]}.") from error
    except (ObjectInvalid, RecursionError) as error:
        raise FormatInvalid("The schema takes too many steps to check.") from error


def leaves(value: object) -> Iterator[object]:
    """The texts, numbers and other values at the ends of an object."""
    if isinstance(value, dict):
        for each in value.values():
            yield from leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each)
    else:
        yield value


def map_texts(value: Any, change: Callable[[str], str]) -> Any:
    """The value with each text in it changed; names of members are left."""
    if isinstance(value, dict):
        return {name: map_texts(each, change) for name, each in value.items()}
    if isinstance(value, list):
        return [map_texts(each, change) for each in value]
    return change(value) if isinstance(value, str) else value


_steps: ContextVar[int] = ContextVar("schema_steps", default=0)
_nested: ContextVar[int] = ContextVar("schema_nested_steps", default=0)


def _counted(keyword: Callable[..., Any]) -> Callable[..., Any]:
    def count(*arguments: Any) -> Iterator[ValidationError]:
        _steps.set(_steps.get() + 1)
        _nested.set(_nested.get() + 1)
        try:
            if _steps.get() > MAX_STEPS or _nested.get() > MAX_NESTED_STEPS:
                raise ObjectInvalid("The schema takes too many steps to check.")
            yield from keyword(*arguments) or ()
        finally:
            _nested.set(_nested.get() - 1)

    return count


def _pattern(_: object, pattern: str, instance: object, __: object) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _matches(pattern, instance):
        yield ValidationError(f"it does not match the pattern {pattern}")


_KEYWORDS = {**Draft202012Validator.VALIDATORS, "pattern": _pattern}
_Validator: Any = extend(Draft202012Validator, {name: _counted(each) for name, each in _KEYWORDS.items()})
_NOWHERE: Registry[Any] = Registry()


def _first_error(schema: JsonObject, parsed: object) -> ValidationError | None:
    before, outside = _steps.set(0), _nested.set(0)
    try:
        error: ValidationError | None = next(_Validator(schema, registry=_NOWHERE).iter_errors(parsed), None)
    except (RecursionError, Unresolvable) as failure:
        raise ObjectInvalid("The schema takes too many steps to check.") from failure
    finally:
        _steps.reset(before)
        _nested.reset(outside)
    return error


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> TypeAdapter[str]:
    """By the engine of pydantic, whose time is linear: a pattern of a client cannot stop the process."""
    return TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)])


def _matches(pattern: str, text: str) -> bool:
    try:
        _compiled(pattern).validate_python(text)
    except PatternMismatch:
        return False
    return True


def _check_pattern(pattern: str) -> None:
    try:
        _compiled(pattern)
    except PatternError as error:
        raise FormatInvalid("The schema has a pattern with look-around, a back-reference or a mistake.") from error


def _keywords(schema: object, depth: int) -> Iterator[tuple[str, object]]:
    if depth > MAX_DEPTH:
        raise FormatInvalid(f"The schema is more than {MAX_DEPTH} levels deep.")
    members = schema.items() if isinstance(schema, Mapping) else ()
    for name, value in members:
        yield str(name), value
    for each in [value for _, value in members] if members else schema if isinstance(schema, list) else ():
        yield from _keywords(each, depth + 1)


def _listed(schema: object) -> Iterator[str]:
    for name, value in _keywords(schema, 0):
        if name in ("enum", "const"):
            yield from (str(each) for each in (value if isinstance(value, list) else [value]))
