"""Tools that know their own kind of file: from packages always, others where the machine has them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from scripts.deploy_checks.files import compose, required

NOTES = {"DL3059"}
"""Rules of hadolint that are taste: one step for each thing reads better, and the stage is thrown away."""
YAML_FORM = "{extends: default, rules: {line-length: {max: 120}, document-start: disable, comments: disable, \
braces: disable, truthy: {check-keys: false}}}"


def check(root: Path) -> Iterator[str]:
    yield from dockerfile(root)
    yield from composition(root)
    yield from form(root)
    yield from installed(root)


def dockerfile(root: Path) -> Iterator[str]:
    ignored = [option for rule in sorted(NOTES) for option in ("--ignore", rule)]
    yield from _said(
        [str(Path(sys.executable).with_name("hadolint")), "--no-color", *ignored, "deploy/Dockerfile"], root
    )


def composition(root: Path) -> Iterator[str]:
    from compose_spec import PyCompose

    try:
        PyCompose.from_yaml(yaml.safe_dump(compose(root, required(root)), sort_keys=False))
    except ValueError as error:
        yield f"compose.yaml: {error}"


def form(root: Path) -> Iterator[str]:
    files = [
        str(path.relative_to(root))
        for path in sorted((root / "deploy").rglob("*.y*ml"))
        if not {"templates", "files"} & set(path.parts)  # not YAML yet, and written by app monitoring write
    ]
    yield from _said(
        [sys.executable, "-m", "yamllint", "--format=parsable", f"--config-data={YAML_FORM}", *files], root
    )


def installed(root: Path) -> Iterator[str]:
    """Caddy, Prometheus and systemd check their own files, where they are installed."""
    for tool, arguments in (
        ("caddy", ["validate", "--adapter=caddyfile", "--config=deploy/proxy/Caddyfile"]),
        ("promtool", ["check", "config", "deploy/prometheus/prometheus.yml"]),
    ):
        if found := shutil.which(tool):
            yield from _said([found, *arguments], root)


def _said(command: list[str], root: Path) -> Iterator[str]:
    """The lines of a tool that fails."""
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        yield from (f"{Path(command[0]).name}: {line}" for line in (done.stdout + done.stderr).splitlines() if line)
