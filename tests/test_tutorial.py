"""Every shell block of the tutorial and of the README works, in the order in which a reader meets it."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.baking import REPOSITORY

BLOCK = re.compile(r"^(?P<not_run><!-- not run: [^\n]+ -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S)
PAGES = ("README.md", "docs/tutorial.md")
PATIENCE = 900.0
STRICT = "set -eu; curl() { command curl --fail-with-body --noproxy '*' \"$@\"; }"


def blocks(page: str) -> list[str]:
    found = BLOCK.finditer((REPOSITORY / page).read_text(encoding="utf-8"))
    return [block["text"] for block in found if block["language"] == "sh" and not block["not_run"]]


@pytest.fixture
def clone() -> Iterator[Path]:
    """The repository as somebody cloned it. The path is short: a socket's name has room for a hundred letters."""
    folder = Path(tempfile.mkdtemp(prefix="tut-"))
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (REPOSITORY / name).is_file():
            (folder / "clone" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, folder / "clone" / name)
    yield folder / "clone"
    shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Terminal:
    """Blocks run one after the other in the folder where the last one ended; `make run` goes on beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.server: subprocess.Popen[bytes] | None = None
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith(("APP_", "DATABASE_", "MAKE"))
        }
        self.environment = clean | {"APP_PORT": str(self.port), "APP_WORKER_METRICS_PORT": "0"}

    def type(self, text: str) -> None:
        text = text.replace("127.0.0.1:8000", f"127.0.0.1:{self.port}")
        if text.strip() == "make run":
            return self._serve()
        script = f"{STRICT}\n{text}\npwd > {self._pwd}"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.environment,
            input="\n" * 20,  # Enter takes the default of each question
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}"
        self.folder = Path(self._pwd.read_text().strip())
        return None

    @property
    def _pwd(self) -> Path:
        return self.folder.parent / ".pwd"

    def _serve(self) -> None:
        quiet = subprocess.DEVNULL
        self.server = subprocess.Popen(
            ["make", "run"], cwd=self.folder, env=self.environment, stdout=quiet, stderr=quiet, start_new_session=True
        )
        until = time.monotonic() + PATIENCE
        while not self._ready():
            assert self.server.poll() is None
            assert time.monotonic() < until
            time.sleep(0.2)

    def _ready(self) -> bool:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/health/ready", timeout=5) as reply:
                return bool(reply.status == 200)
        except OSError:
            return False

    def leave(self) -> None:
        if self.server:
            os.killpg(self.server.pid, 15)
            self.server.wait(PATIENCE)


def test_the_readme_and_the_tutorial_work_as_they_stand(clone: Path) -> None:
    """Both pages begin with the same command in the same folder, which runs once."""
    begun: set[str] = set()
    for page in PAGES:
        terminal = Terminal(clone)
        try:
            for number, text in enumerate(blocks(page)):
                if number or text not in begun:
                    terminal.type(text)
                begun |= set() if number else {text}
        finally:
            terminal.leave()


@pytest.mark.parametrize("page", PAGES)
def test_every_fence_names_its_language(page: str) -> None:
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    assert text.count("```") == 2 * len(BLOCK.findall(text))
    assert [block[0] for block in BLOCK.finditer(text) if not block["language"]] == []
