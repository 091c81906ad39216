"""Fields in the bodies of requests are of the types in app/core, which guess at nothing: text is no number, a number no
time. A reader of the OpenAPI document would be told another type than the one that is taken."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, get_args

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel, Strict
from pydantic.fields import FieldInfo

from app.main import ROUTERS
from app.releases.domain import Scalar

GUESSED = (bool, int, float, Decimal, date, datetime)


def bodies() -> Iterator[type[BaseModel]]:
    for router in ROUTERS.values():
        for route in router.routes:
            if isinstance(route, APIRoute):
                yield from models_in([each.field_info.annotation for each in body_fields(route.dependant)])


def body_fields(dependant: Dependant) -> Iterator[Any]:
    yield from dependant.body_params
    for each in dependant.dependencies:
        yield from body_fields(each)


def models_in(annotations: Any) -> Iterator[type[BaseModel]]:
    for annotation in annotations:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield annotation
            yield from models_in([each.annotation for each in annotation.model_fields.values()])
        yield from models_in(get_args(annotation))


def lax(annotation: Any, metadata: tuple[Any, ...] | list[Any]) -> bool:
    """Whether a type that pydantic guesses at stands there without one that checks before. Of a union with `str` it
    takes the type that the value has.
    """
    if annotation == Scalar:
        return False
    checked = any(isinstance(each, Strict) or type(each).__name__ == "BeforeValidator" for each in metadata)
    if annotation in GUESSED:
        return not checked
    inner = getattr(annotation, "__metadata__", None)
    if inner is not None:
        return lax(annotation.__origin__, [*metadata, *inner])
    return any(lax(each, ()) for each in get_args(annotation))


def described(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    for name, info in model.model_fields.items():
        yield f"{model.__name__}.{name}", info


def test_no_field_of_a_body_takes_a_value_of_another_type() -> None:
    models = set(bodies())
    assert len(models) > 30
    found = [name for model in models for name, info in described(model) if lax(info.annotation, tuple(info.metadata))]
    assert found == []


def test_a_field_of_a_plain_type_would_be_found() -> None:
    class Plain(BaseModel):
        count: int
        several: list[float] | None

    assert [lax(info.annotation, tuple(info.metadata)) for _, info in described(Plain)] == [True, True]
