"""The Dockerfile: an ordinary user, nothing unlocked, no shell, and only what the service needs in the build."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from scripts.deploy_checks.files import Instruction, dockerfile, ignored

NEEDED = {"app", "docs", "evals", "migrations", "monitoring", "policies", "prompts", "requirements/run.lock"}
LABELS = {f"org.opencontainers.image.{name}" for name in ("title", "description", "version", "revision", "source")}
SHELL_TOOLS = re.compile(r"\b(curl|wget|bash|sh -c|apt-get)\b")


def check(root: Path) -> Iterator[str]:
    steps = dockerfile(root)
    last = [step for step in steps if step.stage == max(each.stage for each in steps)]
    yield from _stages(steps)
    yield from _install(steps)
    yield from _run(last)
    yield from _context(root)


def _stages(steps: list[Instruction]) -> Iterator[str]:
    bases = [step.rest.split()[0] for step in steps if step.name == "FROM"]
    if len(bases) < 2 or set(bases) != {"${BASE}"}:
        yield "Dockerfile: two stages on one base that can be pinned, ${BASE}"
    default = next((step.rest for step in steps if step.name == "ARG" and step.rest.startswith("BASE=")), "")
    if not re.fullmatch(r"BASE=[\w./-]+:[\w.-]*\d[\w.-]*", default) or default.endswith(":latest"):
        yield "Dockerfile: the default of BASE names a version"
    if any(step.name == "ADD" for step in steps):
        yield "Dockerfile: COPY instead of ADD, which fetches and unpacks"


def _install(steps: list[Instruction]) -> Iterator[str]:
    installs = [step.rest for step in steps if step.name == "RUN" and '"install"' in step.rest]
    if not installs:
        yield "Dockerfile: nothing is installed"
    for line in installs:
        for option in ("--require-hashes", "--only-binary=:all:", "--no-deps", "requirements/run.lock"):
            if option not in line:
                yield f"Dockerfile: packages are installed without {option}"
    compiled = [step.rest for step in steps if "compileall" in step.rest]
    if not compiled or any("--invalidation-mode=unchecked-hash" not in line for line in compiled):
        yield "Dockerfile: bytecode with times in it is not reproducible"
    if not any("PYTHONHASHSEED=0" in step.rest for step in steps):
        yield "Dockerfile: PYTHONHASHSEED must be fixed for reproducible bytecode"


def _run(last: list[Instruction]) -> Iterator[str]:
    found = {step.name: step for step in last}
    if not re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", found["USER"].rest if "USER" in found else ""):
        yield "Dockerfile: USER must be the number of an ordinary user and group"
    for name in ("ENTRYPOINT", "CMD", "HEALTHCHECK"):
        if name not in found or not found[name].is_exec_form:
            yield f"Dockerfile: {name} in exec form, so that it needs no shell and gets signals"
    if any(SHELL_TOOLS.search(step.rest) for step in last if step.name != "LABEL"):
        yield "Dockerfile: the last stage needs no shell and no tools"
    labels = " ".join(step.rest for step in last if step.name == "LABEL")
    yield from (f"Dockerfile: the label {name} is missing" for name in sorted(LABELS) if f"{name}=" not in labels)
    if any(re.search(r"(PASSWORD|PEPPER|SECRET|_KEY)=", step.rest) for step in last if step.name in ("ENV", "ARG")):
        yield "Dockerfile: a secret in the image"
    if not any(step.name == "VOLUME" and "/data" in step.rest for step in last):
        yield "Dockerfile: /data must be a volume, because the root can be read-only"


def _context(root: Path) -> Iterator[str]:
    patterns = list(ignored(root))
    if patterns[:1] != ["*"]:
        yield ".dockerignore: must leave everything out first"
    taken = {pattern[1:] for pattern in patterns if pattern.startswith("!")}
    yield from (f".dockerignore: {name} would be in the image" for name in sorted(taken - NEEDED))
    yield from (f".dockerignore: {name} would be missing in the image" for name in sorted(NEEDED - taken))
