"""What the team adds: the modules of app/extensions, each with one name that is read at the start of a process."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

from fastapi import APIRouter
from fastapi.routing import APIRoute

import app.extensions as package
from app.actions.domain import RiskClass
from app.actions.ports import Action
from app.actions.service import SHIPPED
from app.adapters.parsers.file_format import FileFormat, add_formats
from app.adapters.parsers.sniffing import ENDINGS
from app.core.errors import StartRefused
from app.evaluation.domain.scorers import Scorer, add_scorers
from app.identity.domain import PERMISSIONS, add_permission
from app.ingestion.domain.parsed_document import KINDS
from app.privacy.domain.catalogue import CATALOGUE
from app.privacy.domain.stores import Store

FOLDER = "app/extensions"
PREFIX = "/v1/extensions"
TAG = "extensions"
NAMES: Mapping[str, str | None] = {
    "actions": "ACTIONS",
    "commands": "app",
    "formats": "FORMATS",
    "permissions": "PERMISSIONS",
    "routes": "router",
    "scorers": "SCORERS",
    "stores": "STORES",
    "tables": None,
}
"""The modules that are read, and the name in each. Commands are read by the command line, tables by `app migrate`."""
OF_ACTIONS = ("name", "description", "risk", "scope", "untrusted", "arguments", "run")


@dataclass(frozen=True)
class Extensions:
    """actions: by name. router: the team's routes, below PREFIX. formats: the modules with file formats. stores: the
    team's tables.
    """

    actions: Mapping[str, Action] = field(default_factory=dict)
    router: APIRouter | None = None
    formats: tuple[str, ...] = ()
    stores: tuple[Store, ...] = ()


@cache
def load_extensions() -> Extensions:
    """Reads the modules and registers what they declare, once in a process. Errors: StartRefused, naming the module."""
    found = dict(_declared(Path(package.__path__[0])))
    # In this order: routes and actions need permissions.
    _register(found, "permissions", _add_permissions)
    stores = _register(found, "stores", _added_stores)
    _register(found, "scorers", lambda scorers: add_scorers(_each(scorers, Scorer)))
    _register(found, "formats", lambda formats: add_formats(map(_checked_format, _each(formats, FileFormat))))
    actions = _register(found, "actions", _actions)
    router = _register(found, "routes", _mounted)
    return Extensions(actions or {}, router, _formats_in(found), stores or ())


def _declared(folder: Path) -> Iterator[tuple[str, Any]]:
    """The modules of the folder by name, with what each declares."""
    for path in sorted(folder.glob("*.py")):
        if path.stem == "__init__":
            continue
        if path.stem not in NAMES:
            raise StartRefused(
                f"{FOLDER}/{path.name}: nothing reads this module; there are {', '.join(NAMES)}, and a helper of "
                "yours belongs into a package of its own in that folder."
            )
        name = NAMES[path.stem]
        if path.stem == "commands" or name is None:
            continue
        try:
            yield path.stem, getattr(import_module(f"{package.__name__}.{path.stem}"), name)
        except Exception as error:
            raise StartRefused(f"{FOLDER}/{path.name}: {name} cannot be read ({error}).") from error


def _register(found: Mapping[str, Any], module: str, use: Callable[[Any], Any]) -> Any:
    """What `use` makes of a module; None where there is none. Errors: StartRefused, naming the module."""
    if module not in found:
        return None
    try:
        return use(found[module])
    except (TypeError, ValueError, AttributeError) as error:
        raise StartRefused(f"{FOLDER}/{module}.py: {error}.") from error


def _each(values: Any, kind: type[Any]) -> list[Any]:
    entries = list(values)
    if wrong := [each for each in entries if not isinstance(each, kind)]:
        raise TypeError(f"{wrong[0]!r} is no {kind.__name__}")
    return entries


def _formats_in(found: Mapping[str, Any]) -> tuple[str, ...]:
    return (f"{package.__name__}.formats",) if "formats" in found else ()


def _added_stores(stores: Any) -> tuple[Store, ...]:
    added = tuple(map(_checked_store, _each(stores, Store)))
    CATALOGUE.add(added)
    return added


def _checked_store(store: Store) -> Store:
    """Errors: ValueError, where an erasure would fail, or leave content behind."""
    if store.erasing not in ("change", "delete", "kept"):
        raise ValueError(f"{store} cannot be erased by '{store.erasing}'; say change, delete or kept")
    if store.shared and store.erasing != "kept":
        raise ValueError(f"{store} is shared, so that no erasure of a tenant can reach it; keep content out of it")
    if store.erasing == "kept" and (store.contents or store.people):
        raise ValueError(f"{store} is kept, and {[*store.contents, *store.people][0]} would never be erased")
    left = [name for name, content in store.contents.items() if content.to is None]
    if store.erasing == "change" and (left or not store.contents):
        raise ValueError(f"{store} is changed by an erasure, and nothing replaces {left[0] if left else 'its content'}")
    return store


def _add_permissions(permissions: Mapping[str, Any]) -> None:
    for name, roles in permissions.items():
        add_permission(name, roles)


def _checked_format(extension: FileFormat) -> FileFormat:
    if extension.kind in KINDS:
        raise ValueError(f"{extension.kind} is a format of the template")
    for ending in extension.endings:
        if ending in ENDINGS or ending != ending.lower() or not ending.startswith("."):
            raise ValueError(f"'{ending}' is read already, or is no ending such as .ini")
    return extension


def _actions(actions: Any) -> dict[str, Action]:
    found: dict[str, Action] = {}
    for action in actions:
        if missing := [name for name in OF_ACTIONS if not hasattr(action, name)]:
            raise ValueError(f"{action!r} has no {missing[0]}")
        if action.risk not in (risks := get_args(RiskClass)):
            raise ValueError(f"the risk of {action.name} is {action.risk}, and there are only {', '.join(risks)}")
        if action.name in found or action.name in {each.name for each in SHIPPED}:
            raise ValueError(f"there is an action {action.name} already")
        if action.arguments.model_config.get("extra") != "forbid":
            raise ValueError(f'the arguments of {action.name} accept unknown fields; set extra="forbid"')
        _check_permission(action.scope, action.name)
        found[action.name] = action
    return found


def _mounted(router: Any) -> APIRouter:
    for route in _routes(router):
        whose = f"{'/'.join(sorted(route.methods or ()))} {route.path}"
        _check_permission(next(_permissions(route.dependant), None), whose)
    mounted = APIRouter(prefix=PREFIX, tags=[TAG])
    mounted.include_router(router)
    return mounted


def _routes(router: Any) -> Iterator[APIRoute]:
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield route
        elif inner := getattr(route, "original_router", None):
            yield from _routes(inner)
        else:
            raise ValueError(f"{route!r} is no route that can ask for a permission")


def _permissions(dependant: Any) -> Iterator[str]:
    if permission := getattr(dependant.call, "permission", None):
        yield permission
    for each in dependant.dependencies:
        yield from _permissions(each)


def _check_permission(permission: str | None, whose: str) -> None:
    if permission is None:
        raise ValueError(f"{whose} asks for no permission; give it a caller by require('…')")
    if not any(permission in granted for granted in PERMISSIONS.values()):
        raise ValueError(f"{whose} needs the permission {permission}, which no role has; name it in permissions.py")
