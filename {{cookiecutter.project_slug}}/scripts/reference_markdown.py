"""Markdown from pydantic models, shared by the pages of the reference."""

import re
import types
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

NOTE = "This page is written by `scripts/reference.py` from the code; a test fails when it is stale.\n"


def page(title: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", NOTE.strip(), *(part.strip() for part in parts if part.strip())]) + "\n"


def table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|").strip() for cell in line) + " |" for line in lines)


def one_line(text: str) -> str:
    return " ".join(text.split())


def first_paragraph(model: type) -> str:
    text = one_line((model.__dict__.get("__doc__") or "").split("\n\n")[0])
    paragraph = re.sub(r"^`?policies/\w+\.yaml`?[:.] ", "", text)
    return paragraph[:1].upper() + paragraph[1:]


def type_name(kind: Any) -> str:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return type_name(inner[0])
    if origin is typing.Literal:
        return " or ".join(f"`{each}`" for each in inner)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(type_name(each) for each in inner if each is not type(None))
    if origin in (list, tuple, set, frozenset):
        return f"list of {type_name(inner[0])}"
    if is_mapping(kind):
        return f"{type_name(inner[1])} by name"
    names = {SecretStr: "secret", Path: "path", str: "text", int: "number", float: "number", bool: "true or false"}
    return names.get(
        kind, "number" if getattr(kind, "__name__", "") == "Decimal" else getattr(kind, "__name__", "text")
    )


def is_mapping(kind: Any) -> bool:
    origin = typing.get_origin(kind)
    return isinstance(origin, type) and issubclass(origin, typing.Mapping)  # type: ignore[arg-type]


def nested_model(kind: Any, within_lists: bool = False) -> type[BaseModel] | None:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    for inner in typing.get_args(kind):
        if typing.get_origin(kind) in (list, tuple) and not within_lists:
            continue
        if (model := nested_model(inner, within_lists)) is not None:
            return model
    return None


def default_of(field: Any) -> str:
    default = plain_default(field)
    if field.is_required():
        return "required"
    return f"`{default}`" if default else "none"


def plain_default(field: Any) -> str:
    default = field.get_default(call_default_factory=True)
    if default is PydanticUndefined or default is None:
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, list | tuple | set | frozenset | dict):
        return ", ".join(str(each) for each in default)
    return str(default)
