"""A copy of the service with the extension that the handbook shows, as a team would have it."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.processes import free_port
from tests.conftest import ROOT, TESTED
from tests.forks import PATIENCE, Forks

PAGE = ROOT / "docs" / "how-to" / "extend-the-service.md"
EXAMPLE = re.compile(r"^`([\w./]+)`:\n\n```\w+\n(.*?)^```$", re.M | re.S)
PLACES = ("app/extensions", "policies/extensions", "prompts/extensions", "migrations/extensions")
NOTES = ("__init__.py", "README.txt")
CASE = {
    "id": "lens",
    "question": "Who cleans the lens?",
    "facts": [["Edda"]],
    "sources": [{"uri": "lens.md"}],
    "slices": ["plain"],
}
PATIENT = f"""
import app.core.database, app.core.schema
app.core.database.CONNECT_SECONDS = app.core.schema.CONNECT_SECONDS = app.core.database.POOL_SECONDS = {PATIENCE}
from app.__main__ import main
main()
"""
"""`app`, which waits longer for a slow machine than people would."""
LENS = "# The lens\n\nEdda cleans the lens of the lighthouse on every first Monday of the month.\n"


def examples() -> dict[str, str]:
    """The files of the handbook's page, by path."""
    return dict(EXAMPLE.findall(PAGE.read_text(encoding="utf-8")))


def clear(place: Path) -> None:
    """Remove what the team of this service has there; the template's own note stays."""
    for path in place.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in NOTES:
            path.unlink()


@dataclass
class ExtendedService:
    """folder: of the copy. data: of its database. python: an interpreter, or what stands for one."""

    folder: Path
    data: Path
    python: str = sys.executable

    @classmethod
    def make(cls, where: Path) -> "ExtendedService":
        made = cls(where / "service", where / "data")
        made.folder.mkdir()
        for name in ("app", "migrations", "policies", "prompts"):
            shutil.copytree(TESTED / name, made.folder / name)  # compiled as it is: compiling takes seconds
        for place in PLACES:
            clear(made.folder / place)
        made.write("scripts/patient.py", PATIENT)
        made.write("docs/lens.md", LENS)
        made.write("evals/golden.jsonl", json.dumps(CASE) + "\n")
        corpus = {"path": "docs", "tenant": "evaluation", "source": "handbook", "groups": []}
        made.write("evals/corpus.json", json.dumps({"folders": [corpus]}))
        shutil.copy(ROOT / "evals" / "judge.md", made.folder / "evals")
        return made

    def extend(self, *paths: str) -> None:
        """Put the files of the page there; without a path, all of them."""
        for path, text in examples().items():
            if not paths or path in paths:
                self.write(path, text)

    def write(self, path: str, text: str) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    @contextmanager
    def forking(self) -> Iterator[None]:
        """Its processes are forks of one that has imported the service with its extensions as they are now."""
        with tempfile.TemporaryDirectory() as folder:
            forks = Forks(Path(folder), self.folder)
            self.python = str(forks.python)
            try:
                yield
            finally:
                self.python = sys.executable
                forks.close()

    def app(self, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [self.python, "-m", "scripts.patient", *arguments],
            cwd=self.folder,
            env=self.environment(**variables),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def refused(self, *arguments: str) -> str:
        """The sentence with which a command ends."""
        done = self.app(*(arguments or ("config", "check")))
        assert done.returncode == 1, done.stdout
        return done.stderr.strip()

    def must(self, *arguments: str, **variables: str) -> str:
        done = self.app(*arguments, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def environment(self, **variables: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("APP_", "DATABASE_"))}
        own = {
            "APP_DATA_DIR": str(self.data),
            "APP_ROOT": str(self.folder),
            "APP_EMBEDDER": "none",
            "APP_WORKER_METRICS_PORT": "0",
            "COLUMNS": "200",
        }
        return {**kept, **own, "PYTHONPATH": str(self.folder), **variables}

    def start(self, **variables: str) -> "Serving":
        port = free_port()
        with (self.data / "run.log").open("wb") as log:
            process = subprocess.Popen(
                [self.python, "-m", "app", "run"],
                cwd=self.folder,
                env=self.environment(APP_PORT=str(port), **variables),
                stdout=log,
                stderr=log,
            )
        serving = Serving(process, f"http://127.0.0.1:{port}", self.data)
        try:
            while not serving.ready():
                assert process.poll() is None, (self.data / "run.log").read_text()
                time.sleep(0.1)
        except BaseException:
            serving.stop()
            raise
        return serving


@dataclass
class Serving:
    process: "subprocess.Popen[bytes]"
    base: str
    data: Path

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.base}/health/ready", timeout=PATIENCE).status_code == 200
        except httpx.TransportError:
            return False

    def client(self, key: str = "") -> httpx.Client:
        key = key or (self.data / "development-key").read_text().strip()
        return httpx.Client(base_url=self.base, headers={"Authorization": f"Bearer {key}"}, timeout=PATIENCE)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)
