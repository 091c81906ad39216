"""Writes docs/reference/, .env.example and the schema of the chart. `--check` only says what is stale."""

import argparse
import importlib
import inspect
import os
import pkgutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]
os.environ.setdefault("TERM", "dumb")

import click  # noqa: E402
import reference_assurance  # noqa: E402
import reference_chart  # noqa: E402
import reference_clients  # noqa: E402
import reference_measurements  # noqa: E402
import reference_mistakes  # noqa: E402
import reference_providers  # noqa: E402
import reference_sizing  # noqa: E402
import typer  # noqa: E402
from fastapi import FastAPI  # noqa: E402
from fastapi.routing import APIRoute  # noqa: E402
from prometheus_client import REGISTRY  # noqa: E402
from pydantic import BaseModel  # noqa: E402
from reference_markdown import (  # noqa: E402
    default_of,
    first_paragraph,
    is_mapping,
    nested_model,
    one_line,
    page,
    plain_default,
    table,
    type_name,
)

import app  # noqa: E402
from app.core.errors import Problem  # noqa: E402


def import_everything() -> None:
    """Load every module, so that all problems and metrics are registered."""
    for module in pkgutil.walk_packages(app.__path__, "app."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def settings_page() -> str:
    from app.settings import Settings, variable_of

    parts = []
    for group in setting_groups():
        own = {name: field for name, field in group.model_fields.items() if name in inspect.get_annotations(group)}
        rows = [
            (f"`{variable_of(name)}`", type_name(field.annotation), default_of(field), field.description or "")
            for name, field in own.items()
        ]
        parts += [f"## {group.__name__.removesuffix('Settings')}", first_paragraph(group)]
        parts.append(table(("variable", "type", "default", "what it does"), rows))
    for name, field in Settings.model_fields.items():
        if inner := nested_model(field.annotation, within_lists=True):
            parts += [f"## {variable_of(name)}", f"Fields of each {inner.__name__}:"]
            parts.append(table(FIELD_COLUMNS, list(fields_of(inner))))
    return page(
        "Settings",
        "Settings describe one deployment. They are read from the environment and from a file "
        "`.env` in the working folder; the environment wins. An unknown variable that starts with `APP_` "
        "stops the start. `app config check` prints the effective values and their sources, with secrets masked.",
        *parts,
    )


def setting_groups() -> list[type[BaseModel]]:
    """The groups of settings, in the order of their fields."""
    from app.settings import Settings

    bases = reversed(Settings.__bases__)
    return [base for base in bases if issubclass(base, BaseModel) and base.model_fields]


def env_example() -> str:
    from app.settings import Settings, variable_of

    first = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()[0]
    lines = [first]
    for name, field in Settings.model_fields.items():
        lines += ["", f"# {field.description}", f"# {variable_of(name)}={plain_default(field)}"]
    return "\n".join(lines) + "\n"


def policies_page() -> str:
    from app.wiring import POLICIES

    parts = []
    for name, model in POLICIES.items():
        parts += [f"## policies/{name}.yaml", first_paragraph(model), table(FIELD_COLUMNS, list(fields_of(model)))]
    return page(
        "Policies",
        "Policies are the rules of this service. Each file has an owner and is checked at the start: an unknown field "
        "or an invalid value stops it with a message that names it. Its digest is part of every release. A change "
        "takes effect with the next start. A field without a default is required.",
        *parts,
    )


FIELD_COLUMNS = ("field", "type", "default", "what it means")


def fields_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        inner = nested_model(field.annotation)
        where = f"{prefix}{name}"
        if inner is None:
            yield f"`{where}`", type_name(field.annotation), default_of(field), field.description or ""
            continue
        if is_mapping(field.annotation):
            yield f"`{where}.<name>`", "section", "none", field.description or first_paragraph(inner)
            if not any(inner is other for other in list_models(model, name)):
                yield from fields_of(inner, f"{where}.<name>.")
        else:
            yield f"`{where}`", "section", "as below", field.description or first_paragraph(inner)
            yield from fields_of(inner, f"{where}.")


def list_models(model: type[BaseModel], excluded: str) -> list[type[BaseModel]]:
    """The models of the other fields of `model`, which are documented with those."""
    others = (nested_model(field.annotation) for name, field in model.model_fields.items() if name != excluded)
    return [inner for inner in others if inner is not None]


def problems() -> list[type[Problem]]:
    """Every problem that the service can return, by status and code."""

    def below(kind: type[Problem]) -> Iterator[type[Problem]]:
        for child in kind.__subclasses__():
            yield child
            yield from below(child)

    return sorted({Problem, *below(Problem)}, key=lambda kind: (kind.status, kind.code))


def problems_page() -> str:
    rows = [
        (str(kind.status), f"`{kind.code}`", kind.title, kind.action or "")
        for kind in problems()
        if kind.__module__.startswith("app.")
    ]
    return page(
        "Problems",
        "Every error is returned as `application/problem+json` (RFC 9457) with `type`, `title`, `status`, `detail`, "
        "`instance`, `code`, `request_id` and, where it helps, `action`. Programs should look at `code`: it is stable. "
        "`detail` says what is wrong with this request. `request_id` finds the request in the logs.",
        table(("status", "code", "title", "what to do"), rows),
    )


def commands_page() -> str:
    from app.cli import app as cli

    parts = []
    for path, command in commands(typer.main.get_command(cli), ["app"]):
        parts += [f"## {' '.join(path)}", (command.help or "").strip(), usage(path, command)]
    return page(
        "Commands",
        "`app` is installed into the environment of the service. A command that fails gives the reason in one "
        "sentence on standard error and has an exit status other than 0.",
        *parts,
    )


def commands(command: click.Command, path: list[str]) -> Iterator[tuple[list[str], click.Command]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield path, command
        return
    for name in sorted(children):
        if not children[name].hidden:
            yield from commands(children[name], [*path, name])


def usage(path: list[str], command: click.Command) -> str:
    rows = []
    arguments = []
    for parameter in command.params:
        if "--help" in parameter.opts:
            continue
        text = getattr(parameter, "help", None) or ""
        if parameter.param_type_name == "argument":
            name = parameter.name or ""
            arguments.append(name.upper() + ("..." if parameter.nargs == -1 else ""))
            rows.append((f"`{name.upper()}`", "required" if parameter.required else "", text))
        else:
            names = ", ".join(f"`{option}`" for option in [*parameter.opts, *parameter.secondary_opts])
            rows.append((names, option_default(parameter), text))
    line = f"```sh\n{' '.join([*path, *arguments])}\n```"
    return line + ("\n\n" + table(("parameter", "default", "what it does"), rows) if rows else "")


def option_default(parameter: click.Parameter) -> str:
    default = parameter.default
    if parameter.required or default is None or callable(default) or default in ((), [], False, ""):
        return "required" if parameter.required else ""
    return f"`{getattr(default, 'value', default)}`"


def routes() -> list[APIRoute]:
    from app.main import ROUTERS

    return sorted(
        (route for router in ROUTERS.values() for route in routes_of(router)),
        key=lambda route: (route.path, sorted(route.methods)),
    )


def routes_of(router: Any) -> Iterator[APIRoute]:
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield route
        elif inner := getattr(route, "original_router", None):
            yield from routes_of(inner)


def internal_routes() -> list[tuple[str, str]]:
    from app.retrieval.routes import room_router

    routes = sorted(routes_of(room_router), key=lambda route: route.path)
    return [(f"`{' '.join(route.methods)} {route.path}`", one_line(route.description)) for route in routes]


def permission_of(route: APIRoute) -> str:
    def required(dependant: Any) -> Iterator[str]:
        if permission := getattr(dependant.call, "permission", None):
            yield permission
        for child in dependant.dependencies:
            yield from required(child)

    return next(required(route.dependant), "")


def routes_page() -> str:
    from app.identity.domain import PERMISSIONS, scope_of
    from app.main import ROUTERS

    application = FastAPI()
    for router in ROUTERS.values():
        application.include_router(router)
    documented = application.openapi()["paths"]
    rows = []
    for route in routes():
        for method in sorted(route.methods):
            permission = permission_of(route)
            text = documented.get(route.path, {}).get(method.lower(), {}).get("description", "") or route.description
            access = (f"`{permission}`", scope_of(permission)) if permission else ("none", "open")
            rows.append((f"`{method} {route.path}`", *access, one_line(text)))
    roles = [(f"`{role}`", ", ".join(f"`{each}`" for each in sorted(PERMISSIONS[role]))) for role in PERMISSIONS]
    return page(
        "Routes",
        "A running service shows the same, with every field, at `/docs`, and as OpenAPI at `/openapi.json`. A key is "
        "sent as `Authorization: Bearer <key>`.",
        "The scope says whose data a route reaches: `own` that of the key, `tenant` that of its tenant, `service` "
        "that of all tenants; `open` needs no key and reaches no data.",
        table(("route", "permission", "scope", "what it does"), rows),
        "## Internal routes",
        "A process that runs retrieval alone serves these, and health and metrics, and no others. They need the key of "
        "the processes, `APP_ROOM_KEY`, and serve the tenant and the access groups that a call names. No key of a "
        "caller opens them, and the API does not have them.",
        table(("route", "what it does"), internal_routes()),
        "## Roles",
        "A key has one role or more; a role is a set of permissions. The role `service` reaches all tenants and "
        "is granted only at the command line.",
        table(("role", "permissions"), roles),
    )


def metrics() -> list[Any]:
    collectors = {id(each): each for each in REGISTRY._names_to_collectors.values()}.values()
    own = [each for each in collectors if getattr(each, "_name", "").startswith("app_")]
    return sorted(own, key=lambda each: each._name)


def metrics_page() -> str:
    rows = []
    for each in metrics():
        name = each._name + ("_total" if each._type == "counter" else "")
        labels = ", ".join(f"`{label}`" for label in each._labelnames)
        rows.append((f"`{name}`", each._type, labels, each._documentation))
    return page(
        "Metrics",
        "`GET /metrics` of the API and the metrics port of each worker export these in the Prometheus text "
        "format, with those of the Python process. Each process exports its own values: jobs and the reading of "
        "documents are counted by workers. No metric has a tenant, a user or a text as a label.",
        table(("metric", "kind", "labels", "what it counts"), rows),
    )


def dependencies_page() -> str:
    parts: list[str] = []
    rows: list[tuple[str, ...]] = []
    title = ""
    for line in [*(ROOT / "requirements/run.in").read_text(encoding="utf-8").splitlines(), "# end"]:
        if line.startswith("#"):
            if rows:
                parts += [f"## {title}", table(("package", "what for"), rows)]
            title, rows = line.strip("# ").rstrip(), []
        elif line.strip():
            package, _, reason = line.partition("#")
            name, _, condition = package.strip().partition(";")
            where = " (not on Windows)" if "win32" in condition else ""
            rows.append((f"`{name.strip()}`", reason.strip() + where))
    return page(
        "Dependencies",
        "The direct dependencies in `requirements/run.in`, each with its reason. `requirements/run.lock` pins them and "
        "all their dependencies, with hashes.",
        *parts,
    )


def boundaries_page() -> str:
    from app.core.database import metadata

    open_routes = [route for route in routes() if not permission_of(route)]
    named = [f"{method} {route.path}" for route in open_routes for method in sorted(route.methods)]
    return reference_assurance.boundaries_page(metadata, named)


PAGES: dict[str, Callable[[], str]] = {
    "docs/explanation/twelve-mistakes.md": reference_mistakes.mistakes_page,
    "docs/reference/settings.md": settings_page,
    "docs/reference/policies.md": policies_page,
    "docs/reference/problems.md": problems_page,
    "docs/reference/commands.md": commands_page,
    "docs/reference/routes.md": routes_page,
    "docs/reference/metrics.md": metrics_page,
    "docs/reference/dependencies.md": dependencies_page,
    "docs/reference/clients.md": reference_clients.clients_page,
    "docs/reference/measurements.md": reference_measurements.measurements_page,
    "docs/reference/providers.md": reference_providers.providers_page,
    "docs/reference/sizing.md": reference_sizing.sizing_page,
    "docs/reference/trust-boundaries.md": boundaries_page,
    "assurance/controls.md": reference_assurance.controls_page,
    ".env.example": env_example,
    "deploy/helm/values.schema.json": reference_chart.values_schema,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail when a page is stale")
    check = parser.parse_args().check
    import_everything()
    stale = []
    for name, write in PAGES.items():
        path, text = ROOT / name, write()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8", newline="\n")
    for name in stale:
        print(f"{'stale' if check else 'written'}: {name}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
