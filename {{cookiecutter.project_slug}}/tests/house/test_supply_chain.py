"""The software bill of materials, the licences that it may name, and the audit without a network."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scripts.audit import MAX_AGE_DAYS, Advisories, report
from scripts.sbom import Licences, Refused, bill_of, licences_in, packages_of

ROOT = Path(__file__).parent.parent.parent
LOCK = (ROOT / "requirements/run.lock").read_text(encoding="utf-8")
SMALL = f"orjson==1.2.3 \\\n    --hash=sha256:{'a' * 64} \\\n    --hash=sha256:{'b' * 64}\n"
NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def licences() -> Licences:
    return licences_in(ROOT / "licenses.toml")


def test_every_locked_package_is_in_the_bill_with_hashes_and_an_allowed_licence(licences: Licences) -> None:
    bill = json.loads(bill_of(LOCK, licences))
    assert bill["specVersion"] == "1.6"
    libraries = [each for each in bill["components"] if each["type"] == "library"]
    assert {(each["name"], each["version"]) for each in libraries} == {
        (each.name, each.version) for each in packages_of(LOCK)
    }
    assert len(packages_of(LOCK)) == len(re.findall("^[a-z]", LOCK, re.MULTILINE)) > 50
    assert all(each["hashes"] and each["licenses"] for each in bill["components"])
    (model,) = [each for each in bill["components"] if each["type"] == "machine-learning-model"]
    assert len(model["hashes"]) == 2


def test_the_same_lock_gives_the_same_bytes(licences: Licences) -> None:
    assert bill_of(SMALL, licences) == bill_of(SMALL, licences)
    assert bill_of(SMALL, licences) != bill_of(SMALL.replace("1.2.3", "1.2.4"), licences)


@pytest.mark.parametrize(
    ("expression", "refused"),
    [
        ("GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", True),
        ("MIT OR GPL-3.0-only", False),
        ("(GPL-3.0-only OR MIT) AND BSD-3-Clause", False),
        ("whatever you like", True),
        ("BSD License", False),
    ],
)
def test_a_package_needs_a_licence_that_is_allowed(licences: Licences, expression: str, refused: bool) -> None:
    stated = replace(licences, read={**licences.read, "orjson": expression})
    if refused:
        with pytest.raises(Refused, match="orjson"):
            bill_of(SMALL, stated)
    else:
        assert '"orjson"' in bill_of(SMALL, stated)


def test_a_package_that_states_no_licence_is_refused_by_name(licences: Licences) -> None:
    with pytest.raises(Refused, match="nothing-like-it does not say its licence"):
        bill_of(SMALL.replace("orjson", "nothing-like-it"), licences)


def stored(version: str = "1.2.3", *found: str, age: int = 0) -> Advisories:
    """Advisories on orjson, as pip-audit writes them."""
    vulnerabilities = [{"id": each, "fix_versions": ["1.3"], "aliases": [], "description": "bad"} for each in found]
    dependency = {"name": "orjson", "version": version, "vulns": vulnerabilities}
    at = (NOW - timedelta(days=age)).isoformat()
    return Advisories.read(json.dumps({"fetched_at": at, "dependencies": [dependency]}))


@pytest.mark.parametrize(
    ("advisories", "status", "said"),
    [
        (stored(), 0, "No known vulnerability"),
        (stored(age=MAX_AGE_DAYS), 0, f"{MAX_AGE_DAYS} days old"),
        (stored("1.2.3", "PYSEC-2026-1"), 1, "orjson 1.2.3 has PYSEC-2026-1; mended in 1.3."),
        (stored("1.2.2"), 1, "orjson 1.2.3 was not looked up."),
        (stored(age=MAX_AGE_DAYS + 1), 1, "run `make audit` where there is a network"),
    ],
)
def test_stored_advisories_say_their_age_and_doubt_is_no_pass(
    advisories: Advisories, status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(advisories, SMALL, NOW) == status
    out = capsys.readouterr().out
    assert said in out
    assert "Advisories of 2026-" in out


def test_an_audit_offline_without_stored_advisories_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements/run.lock").write_text(SMALL, encoding="utf-8")
    command = [sys.executable, str(ROOT / "scripts" / "audit.py"), "--offline", "--root", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "There is no advisories.json: run `make audit` once where there is a network, and commit the file.\n"
    )
