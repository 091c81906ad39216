"""The container image: its size, whether two builds are equal, and a command in it under a read-only root.

Needs buildah, bubblewrap and a base image; where a registry cannot be reached, one made by `debootstrap` will do. The
built file system is mounted and entered with bubblewrap as user 10001. Run with
`python -m benchmarks.image --base localhost/base:bookworm [--build-option=--volume=/etc/ssl/certs:/etc/ssl/certs:ro]`.
Two minutes. `--short` only says what is missing.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time

from benchmarks.harness import ROOT, arguments_of, write
from scripts.deploy_checks.files import dockerfile

NAME = "localhost/app-measured"
INSIDE = ("--tmpfs", "/tmp", "--tmpfs", "/data", "--proc", "/proc", "--dev", "/dev", "--chdir", "/srv/app")  # noqa: S108
USER = ("--unshare-user", "--unshare-pid", "--uid", "10001", "--gid", "10001", "--clearenv")


def main(base: str, options: list[str], short: bool) -> None:
    missing = [tool for tool in ("buildah", "bwrap") if not shutil.which(tool)]
    if short or missing:
        assert dockerfile(ROOT)
        write("image", {"missing": missing, "short": True}, short=True)
        return
    started = time.monotonic()
    first, second = (build(base, options, f"{NAME}:{number}") for number in (1, 2))
    seconds = time.monotonic() - started
    size, of_base = size_of(f"{NAME}:1"), size_of(base)
    result = {
        "base": base,
        "megabytes": round(size / 1e6),
        "megabytes_of_the_base": round(of_base / 1e6),
        "megabytes_of_the_service": round((size - of_base) / 1e6),
        "seconds_a_build": round(seconds / 2),
        "two_builds_are_equal": first == second,
        "answers_as_10001_on_a_read_only_root": version_inside(f"{NAME}:1"),
    }
    write("image", result, short)


def build(base: str, options: list[str], tag: str) -> str:
    """Build the image with fixed times; returns its id, a digest of all layers and the configuration."""
    command = ["bud", "--isolation=chroot", "--no-cache", "--timestamp=0", f"--build-arg=BASE={base}", *options]
    buildah(*command, "--file=deploy/Dockerfile", f"--tag={tag}", ".")
    return str(json.loads(buildah("inspect", "--type=image", tag))["FromImageID"])


def size_of(image: str) -> int:
    folder, container = mounted(image)
    try:
        return int(subprocess.run(["du", "-sb", folder], capture_output=True, text=True, check=True).stdout.split()[0])
    finally:
        buildah("rm", container)


def version_inside(image: str) -> str:
    folder, container = mounted(image)
    variables = {"APP_ROOT": "/srv/app", "APP_DATA_DIR": "/data", "HOME": "/tmp"}  # noqa: S108
    given = [part for name, value in variables.items() for part in ("--setenv", name, value)]
    command = [
        "bwrap",
        "--ro-bind",
        folder,
        "/",
        *INSIDE,
        *USER,
        *given,
        "/srv/venv/bin/python3",
        "-m",
        "app",
        "version",
    ]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    finally:
        buildah("rm", container)


def mounted(image: str) -> tuple[str, str]:
    container = buildah("from", image).strip()
    return buildah("mount", container).strip(), container


def buildah(*arguments: str) -> str:
    done = subprocess.run(["buildah", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"buildah {arguments[0]} failed")
    return done.stdout


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", default="docker.io/library/python:3.12-slim-bookworm")
    parser.add_argument("--build-option", action="append", default=[])
    given = arguments_of(parser)
    main(given.base, given.build_option, given.short)
