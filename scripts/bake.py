"""Bakes a service with the default answers, unless the same template was baked before: `bake.py FOLDER`."""

import hashlib
import json
import shutil
import sys
import time
from pathlib import Path

from cookiecutter.main import cookiecutter

TEMPLATE = Path(__file__).resolve().parent.parent
SKIPPED = {"__pycache__", ".venv", ".data", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis"}


def main() -> int:
    started = time.monotonic()
    target = Path(sys.argv[1]).resolve()
    stamp = target / "template.sha256"
    digest = template_digest()
    slug = "handbook-answers"
    if stamp.exists() and stamp.read_text() == digest and (target / slug).is_dir():
        print(f"[{time.monotonic() - started:5.1f} s] {slug} is baked already")
        return 0
    keep = put_aside(target / slug)
    target.mkdir(parents=True, exist_ok=True)
    config = target / "cookiecutter.yaml"
    config.write_text(json.dumps({"cookiecutters_dir": str(target / ".c"), "replay_dir": str(target / ".r")}))
    cookiecutter(str(TEMPLATE), no_input=True, output_dir=str(target), config_file=str(config))
    bring_back(keep, target / slug)
    stamp.write_text(digest)
    print(f"[{time.monotonic() - started:5.1f} s] {slug} baked into {target.name}/")
    return 0


def template_digest() -> str:
    """One hash over what a bake reads."""
    found = hashlib.sha256()
    inside = (path for part in ("hooks", "{{cookiecutter.project_slug}}") for path in (TEMPLATE / part).rglob("*"))
    for path in sorted([TEMPLATE / "cookiecutter.json", *inside]):
        if path.is_file() and not SKIPPED & set(path.parts):
            found.update(str(path.relative_to(TEMPLATE)).encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()


def put_aside(project: Path) -> Path | None:
    """The environment is dear and does not depend on the template's text: it outlives a fresh bake."""
    if not project.exists():
        return None
    keep = project.with_name(project.name + ".venv")
    shutil.rmtree(keep, ignore_errors=True)
    if (project / ".venv").is_dir():
        (project / ".venv").rename(keep)
    shutil.rmtree(project)
    return keep


def bring_back(keep: Path | None, project: Path) -> None:
    if keep is not None and keep.is_dir():
        keep.rename(project / ".venv")


if __name__ == "__main__":
    sys.exit(main())
