"""The ledger of upgrades says what every version took from owners of a service, and the working tree adds nothing."""

import re
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from scripts.ledger import LEDGER, PAGES, SERVICE, changes, dump, filled, git, meanings, number, problems, read
from tests.baking import REPOSITORY, TEMPLATE, files, run

ENTRIES = read(REPOSITORY)
PAST = [each for each in ENTRIES if each.get("commit")]


def known(commit: str) -> bool:
    return run(["git", "cat-file", "-e", f"{commit}^{{commit}}"], REPOSITORY).returncode == 0


needs_history = pytest.mark.skipif(
    not all(known(each["commit"]) for each in PAST), reason="a shallow clone holds no commit of earlier versions"
)


@needs_history
def test_every_rename_removal_and_lost_contract_since_the_last_version_has_its_entry() -> None:
    assert problems(REPOSITORY) == []


@needs_history
@pytest.mark.parametrize(("new", "old"), [*pairwise(PAST)], ids=lambda entry: entry["version"])
def test_a_past_version_says_all_that_git_knows_of_it(new: dict[str, Any], old: dict[str, Any]) -> None:
    found = changes(REPOSITORY, old["commit"], new["commit"])
    # Which new file continues an old one is a guess of git's, and another git may guess differently.
    assert {each["from"] for each in new["renames"]} | set(new["removed"]) == found.removed | set(found.renames)
    assert {(each["kind"], each["was"]) for each in new["contracts"]} >= found.contracts


def test_the_ledger_is_in_the_form_that_its_script_writes() -> None:
    assert dump(ENTRIES) == (REPOSITORY / LEDGER).read_text(encoding="utf-8")


def test_versions_fall_and_their_numbers_say_how_serious_they_are() -> None:
    for new, old in pairwise(ENTRIES):
        assert number(new["version"]) > number(old["version"])
        assert new["serious"] in meanings(old["version"], new["version"])
        assert new["serious"] == "major" or not (new["contracts"] or new["steps"]), new["version"]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["version"])
def test_an_entry_has_the_agreed_form(entry: dict[str, Any]) -> None:
    assert set(entry) - {"commit"} == {"version", "date", "serious", "renames", "removed", "contracts", "steps"}
    assert all(set(each) == {"from", "to"} for each in entry["renames"])
    for each in entry["contracts"]:
        assert set(each) == {"kind", "was", "now", "do"}
        assert each["kind"] in PAGES
        assert each["do"]
    assert all(set(each) == {"do", "touches"} and each["touches"] for each in entry["steps"])


def test_the_steps_of_the_newest_version_name_files_that_a_service_has() -> None:
    here = set(files(TEMPLATE))
    patterns = {pattern for step in ENTRIES[0]["steps"] for pattern in step["touches"]}
    assert {pattern for pattern in patterns if not any(fnmatch(name, pattern) for name in here)} == set()


@pytest.mark.parametrize(
    ("old", "new", "means"),
    [
        ("1.2.3", "2.0.0", {"major"}),
        ("1.2.3", "1.3.0", {"minor"}),
        ("1.2.3", "1.2.4", {"patch"}),
        ("0.2.3", "0.3.0", {"major"}),
        ("0.2.3", "0.2.4", {"minor", "patch"}),
        ("0.9.0", "1.0.0", {"major"}),
    ],
)
def test_a_number_says_how_serious_a_version_is(old: str, new: str, means: set[str]) -> None:
    assert meanings(old, new) == means


def test_a_moved_and_a_removed_file_need_an_entry_which_git_writes(small: Path) -> None:
    assert problems(small) == []
    git(small, "mv", f"{SERVICE}/app/one.py", f"{SERVICE}/app/first.py")
    git(small, "rm", "--quiet", f"{SERVICE}/app/two.py")
    gone = [f"app/{name}.py is gone without an entry: make ledger" for name in ("one", "two")]
    assert problems(small) == gone
    newest, last = read(small)
    newest = filled(newest, changes(small, last["commit"]))
    assert newest["renames"] == [{"from": "app/one.py", "to": "app/first.py"}]
    assert newest["removed"] == ["app/two.py"]
    (small / LEDGER).write_text(dump([newest, last]), encoding="utf-8")
    assert problems(small) == []
    git(small, "mv", f"{SERVICE}/app/first.py", f"{SERVICE}/app/one.py")
    assert problems(small) == [
        "app/first.py is the new name of a file and is not there",
        "app/one.py is listed as gone and is there",
    ]


@pytest.mark.parametrize("kind", PAGES)
def test_a_lost_contract_needs_what_to_do_and_makes_the_version_major(small: Path, kind: str) -> None:
    page = small / SERVICE / "docs" / "reference" / PAGES[kind][0]
    text = page.read_text(encoding="utf-8")
    page.write_text(re.sub(r"(p95|tenant|PORT|answers|keys)", r"\1_NEW" if kind == "setting" else r"\1_new", text))
    (said,) = problems(small)
    assert said.endswith("is gone without an entry: make ledger")
    newest, last = read(small)
    newest = filled(newest, changes(small, last["commit"]))
    (contract,) = newest["contracts"]
    assert contract["kind"] == kind
    (small / LEDGER).write_text(dump([newest, last]), encoding="utf-8")
    said_now = problems(small)
    assert "a step by hand makes a version major" in said_now
    assert f"{kind} {contract['was']}: write under `do` what an owner has to do" in said_now
    contract["do"], newest["serious"], newest["version"] = "Use the new name.", "major", "2.0.0"
    (small / LEDGER).write_text(dump([newest, last]), encoding="utf-8")
    assert problems(small) == []
    assert filled(newest, changes(small, last["commit"])) == newest
    contract["now"] = "elsewhere"
    (small / LEDGER).write_text(dump([newest, last]), encoding="utf-8")
    assert problems(small) == [f"{kind} {contract['was']} became elsewhere, which is not there"]
