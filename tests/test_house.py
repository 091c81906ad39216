"""What must never stand in the repository: addresses of indexes, paths of one machine, tracker numbers."""

import re
import subprocess

import pytest

from tests.baking import REPOSITORY

# Written with brackets, so that this file does not hold what it looks for.
BANNED = {
    "the address of a package index": r"python[h]osted|py[p]i\.org|registry\.npm[j]s|deb\.debia[n]",
    "a path of somebody's machine": r"/w[o]rk/|/f[a]rm/|/tmp/(pla[n]|de[v])/|/home/\w+/|/User[s]/(?!\{)|\.py[e]nv",
    "a number of a tracker": r"\b[i]ssue #?[0-9]+\b|\bPR #[0-9]+",
    "unfinished work": r"\b(TO[D]O|FIX[M]E|X[X]X)\b",
    "a conflict left over": r"^(<<<<<<[<] |>>>>>>[>] )",
}


def tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    ).stdout.decode()
    return [name for name in listed.split("\0") if name and (REPOSITORY / name).is_file()]


@pytest.mark.parametrize("what", BANNED)
def test_the_repository_does_not_hold(what: str) -> None:
    pattern = re.compile(BANNED[what], re.MULTILINE)
    found = []
    for name in tracked():
        if name.endswith(".png"):
            continue
        text = (REPOSITORY / name).read_bytes().decode("utf-8", "ignore")
        found += [f"{name}: {match[0]}" for match in pattern.finditer(text)][:1]
    assert found == []


def test_no_file_of_code_is_longer_than_400_lines() -> None:
    long = {}
    for name in tracked():
        if name.endswith(".py"):
            lines = (REPOSITORY / name).read_text(encoding="utf-8").count("\n")
            if lines > 400:
                long[name] = lines
    assert long == {}


def test_no_file_weighs_more_than_a_megabyte() -> None:
    assert [name for name in tracked() if (REPOSITORY / name).stat().st_size > 1_000_000] == []
