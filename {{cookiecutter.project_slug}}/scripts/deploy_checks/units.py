"""The systemd units: an ordinary user, nothing but its own folder to write, and the order of a start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from scripts.deploy_checks.files import unit

COMMANDS = {"app-api@.service": "serve --port %i", "app-worker.service": "worker", "app-migrate.service": "migrate"}
HARDENING = {
    "User": "app",
    "NoNewPrivileges": "true",
    "ProtectSystem": "strict",
    "ProtectHome": "true",
    "PrivateTmp": "true",
    "PrivateDevices": "true",
    "ProtectKernelTunables": "true",
    "ProtectKernelModules": "true",
    "ProtectControlGroups": "true",
    "RestrictNamespaces": "true",
    "RestrictSUIDSGID": "true",
    "LockPersonality": "true",
    "CapabilityBoundingSet": "",
    "SystemCallArchitectures": "native",
    "StateDirectory": "app",
    "StateDirectoryMode": "0700",
    "UMask": "0077",
}


def check(root: Path) -> Iterator[str]:
    folder = root / "deploy" / "systemd"
    names = {path.name for path in folder.glob("*.service")}
    if names != set(COMMANDS):
        yield f"systemd: the units are {', '.join(sorted(COMMANDS))}"
    for name in sorted(names & set(COMMANDS)):
        options = unit(folder / name)
        yield from (f"systemd/{name}: {complaint}" for complaint in _one(name, options))


def _one(name: str, options: Mapping[str, list[str]]) -> Iterator[str]:
    for option, value in HARDENING.items():
        if options.get(f"Service.{option}") != [value]:
            yield f"{option} must be '{value}'"
    if not any(each.startswith("@system-service") for each in options.get("Service.SystemCallFilter", [])):
        yield "system calls must be limited"
    if not options.get("Service.MemoryMax"):
        yield "MemoryMax must be set"
    if options.get("Service.ExecStart") != [f"/opt/app/.venv/bin/python -m app {COMMANDS[name]}"]:
        yield f"must run 'app {COMMANDS[name]}'"
    files = ["/etc/app/settings.env"] + (["/etc/app/owner.env"] if name == "app-migrate.service" else [])
    if sorted(options.get("Service.EnvironmentFile", [])) != sorted(files):
        yield f"must read {' and '.join(files)} and nothing else"
    if name == "app-migrate.service":
        if options.get("Service.Type") != ["oneshot"] or options.get("Service.RemainAfterExit") != ["yes"]:
            yield "must be over before the others start"
        return
    if options.get("Service.Restart") != ["always"]:
        yield "Restart must be 'always'"
    if options.get("Unit.Requires") != ["app-migrate.service"] or "app-migrate.service" not in " ".join(
        options.get("Unit.After", [])
    ):
        yield "must start after the migration"
    if options.get("Install.WantedBy") != ["multi-user.target"]:
        yield "must be started with the machine"
