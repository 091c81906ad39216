"""Plants the faults of faults.yaml into a copy of deploy/, one at a time, and says which were not found."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import yaml


class Fault(NamedTuple):
    """What stands in a file, and what somebody could write instead."""

    what: str
    file: str
    old: str
    new: str


class Useless(Exception):
    """A fault that changes nothing."""


def faults(checks: Iterable[str]) -> dict[str, list[Fault]]:
    """The faults that each of these checks must find."""
    read = yaml.safe_load(Path(__file__).with_name("faults.yaml").read_text(encoding="utf-8"))
    return {name: [Fault(**fault) for fault in read[name]] for name in checks}


def missed(root: Path, checks: Mapping[str, ModuleType]) -> list[str]:
    """The faults of these checks that are not found. Errors: Useless."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        shutil.copytree(root / "deploy", copy / "deploy")
        shutil.copytree(root / "docs" / "how-to", copy / "docs" / "how-to")
        for name in (".dockerignore", ".env.example"):
            shutil.copy(root / name, copy)
        planted = [(fault, checks[name]) for name, of_one in faults(checks).items() for fault in of_one]
        return [fault.what for fault, check in planted if not _found(copy, fault, check)]


def _found(copy: Path, fault: Fault, check: ModuleType) -> bool:
    """Looks no further than the first complaint."""
    path = copy / fault.file
    text = path.read_text(encoding="utf-8")
    if fault.old not in text:
        raise Useless(f"{fault.file} does not hold {fault.old!r}")
    path.write_text(text.replace(fault.old, fault.new), encoding="utf-8")
    try:
        return next(iter(check.check(copy)), None) is not None
    finally:
        path.write_text(text, encoding="utf-8")
