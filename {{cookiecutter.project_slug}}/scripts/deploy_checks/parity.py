"""Every setting of the service reaches every way of deploying it, or deploy/parity.yaml says why not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from scripts.deploy_checks.files import SERVICES, compose, required, unit

VARIABLE = re.compile(r"\b(APP_[A-Z0-9_]+|DATABASE_URL|OTEL_[A-Z0-9_]+)\b")


def check(root: Path) -> Iterator[str]:
    from app.settings import Settings, variable_of

    settings = {variable_of(name) for name in Settings.model_fields}
    exempt: dict[str, dict[str, str]] = yaml.safe_load((root / "deploy" / "parity.yaml").read_text(encoding="utf-8"))
    readers = {".env.example": example, "compose": in_compose, "helm": in_chart, "systemd": in_units}
    ways = {way: names(root) for way, names in readers.items()}
    if set(exempt) != set(ways):
        yield f"parity.yaml: has a section for each of {', '.join(ways)}"
    for way, names in ways.items():
        reasons = exempt.get(way) or {}
        yield from (f"{way}: does not name {name}" for name in sorted(settings - names - set(reasons)))
        yield from (f"{way}: {name} is no setting" for name in sorted(names - settings))
        yield from (f"parity.yaml: {way}: {name} needs no exemption" for name in sorted(set(reasons) & names))
        yield from (f"parity.yaml: {way}: {name} has no reason" for name, why in reasons.items() if len(why) < 12)


def example(root: Path) -> set[str]:
    text = (root / ".env.example").read_text(encoding="utf-8")
    return set(re.findall(r"^# ([A-Z][A-Z0-9_]*)=", text, re.MULTILINE))


def in_compose(root: Path) -> set[str]:
    services = compose(root, required(root))["services"]
    return {name for service in SERVICES for name in services[service]["environment"]}


def in_chart(root: Path) -> set[str]:
    """Settings that may be given as values, those taken from Secrets, and those that the templates set."""
    chart = root / "deploy" / "helm"
    schema = json.loads((chart / "values.schema.json").read_text(encoding="utf-8"))
    values = yaml.safe_load((chart / "values.yaml").read_text(encoding="utf-8"))
    templates = "\n".join(path.read_text(encoding="utf-8") for path in (chart / "templates").glob("*.yaml"))
    set_here = set(re.findall(r"^ +(?:- name: )?(APP_[A-Z_]+)(?:: \"|$)", templates, re.MULTILINE))
    secrets = {*values["secretKeys"], *values["optionalSecretKeys"]}
    return set(schema["properties"]["settings"]["properties"]) | secrets | set_here


def in_units(root: Path) -> set[str]:
    """The settings file of the units is a copy of .env.example; what a unit sets itself stands for the rest."""
    own = {
        variable
        for path in (root / "deploy" / "systemd").glob("*.service")
        for value in unit(path).get("Service.Environment", [])
        for variable in VARIABLE.findall(value)
    }
    guide = (root / "docs" / "how-to" / "deploy-on-one-machine.md").read_text(encoding="utf-8")
    copied = example(root) if re.search(r"/\.env\.example /etc/app/settings\.env\b", guide) else set()
    return own | copied
