"""Lists known vulnerabilities in the locked packages of the service. Exit status 1 when there is one, or no certainty.

Online, the advisories come from the package index and are stored in advisories.json; commit it. With --offline those
are used, and their age is said: a package that was not looked up, or advisories older than 30 days, are no certainty.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.sbom import packages_of  # noqa: E402 (needs the path above)

STORED = "advisories.json"
MAX_AGE_DAYS = 30


@dataclass(frozen=True)
class Advisories:
    """vulnerabilities: of each package and version that was looked up, as sentences."""

    fetched_at: datetime
    vulnerabilities: Mapping[tuple[str, str], Sequence[str]]

    @classmethod
    def read(cls, content: str) -> Advisories:
        """From the content of advisories.json. Errors: ValueError, KeyError."""
        stored = json.loads(content)
        found = {(each["name"], each["version"]): _sentences(each) for each in stored["dependencies"]}
        return cls(datetime.fromisoformat(stored["fetched_at"]), found)

    def age(self, now: datetime) -> int:
        """In days."""
        return (now - self.fetched_at).days

    def problems(self, lock: str, now: datetime) -> Iterator[str]:
        for package in packages_of(lock):
            found = self.vulnerabilities.get((package.name, package.version))
            if found is None:
                yield f"{package.name} {package.version} was not looked up."
            yield from found or ()
        if self.age(now) > MAX_AGE_DAYS:
            yield f"The advisories are {self.age(now)} days old: run `make audit` where there is a network."


def _sentences(dependency: Mapping[str, Any]) -> list[str]:
    about = f"{dependency['name']} {dependency['version']}"
    return [
        f"{about} has {each['id']}; mended in {', '.join(each['fix_versions']) or 'no version yet'}."
        for each in dependency["vulns"]
    ]


def fetch(lock: Path) -> str:
    """The content of advisories.json, from the package index. Errors: OSError with the tool's last line."""
    tool = [str(Path(sys.executable).with_name("pip-audit")), "--strict", "--disable-pip", "--require-hashes"]
    command = [*tool, "--progress-spinner=off", "--format=json", "-r", str(lock)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        dependencies = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        raise OSError((done.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1]) from None
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return json.dumps({"fetched_at": now, "dependencies": dependencies}, indent=1) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description="List known vulnerabilities in the locked packages.")
    parser.add_argument("--offline", action="store_true", help=f"use the advisories in {STORED}")
    parser.add_argument("--root", type=Path, default=ROOT, help="the folder of the lock")
    options = parser.parse_args()
    lock, stored = options.root / "requirements/run.lock", options.root / STORED
    try:
        if not options.offline:
            stored.write_text(fetch(lock), encoding="utf-8")
        advisories = Advisories.read(stored.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return _refuse(f"There is no {STORED}: run `make audit` once where there is a network, and commit the file.")
    except OSError as error:
        return _refuse(f"The advisories could not be fetched ({error}). `make audit OFFLINE=1` uses those in {STORED}.")
    except (ValueError, KeyError):
        return _refuse(f"{STORED} cannot be read: run `make audit` where there is a network.")
    return report(advisories, lock.read_text(encoding="utf-8"), datetime.now(UTC))


def report(advisories: Advisories, lock: str, now: datetime) -> int:
    problems = list(advisories.problems(lock, now))
    print("\n".join(problems) if problems else "No known vulnerability in the locked packages.")
    print(f"Advisories of {advisories.fetched_at:%Y-%m-%d}, {advisories.age(now)} days old.")
    return 1 if problems else 0


def _refuse(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
