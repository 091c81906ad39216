"""Lock files hold versions and hashes for every package, agree with each other, and name no address."""

import re
from pathlib import Path

import pytest

from tests.baking import REPOSITORY, TEMPLATE

LOCKS = sorted([*REPOSITORY.glob("requirements*.lock"), *TEMPLATE.glob("requirements*.lock")])
PIN = re.compile(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.!+]+)( ; .+)?( \\\n    --hash=sha256:[0-9a-f]{64})+\n")


def pins(path: Path) -> set[tuple[str, str]]:
    return {(match[1], match[2]) for match in PIN.finditer(path.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_a_lock_is_made_of_pins_with_hashes_and_nothing_else(path: Path) -> None:
    assert PIN.sub("", path.read_text(encoding="utf-8")) == ""


@pytest.mark.parametrize("folder", [REPOSITORY, TEMPLATE], ids=["template", "service"])
def test_the_lock_of_the_checks_holds_all_of_the_other_one(folder: Path) -> None:
    assert pins(folder / "requirements.lock") <= pins(folder / "requirements-dev.lock")


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_package_asked_for_is_locked_and_has_its_reason(path: Path) -> None:
    wanted = [line for line in path.with_suffix(".in").read_text(encoding="utf-8").splitlines() if line[:1].isalnum()]
    locked = {name.lower() for name, _ in pins(path)}
    for line in wanted:
        name = re.split(r"[\[;# ]", line)[0]
        assert name.lower() in locked, f"run `make lock`: {name} is asked for and not locked"
        assert "#" in line or len(wanted) == 1, f"say why {name} is needed"
