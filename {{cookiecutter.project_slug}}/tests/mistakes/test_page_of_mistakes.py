"""Each mistake has checks in the running service, and at least three tests; the page is made from both."""

import importlib.util
import sys
from types import ModuleType

import pytest

from app.governance.domain.readiness.catalogue import CHECKS
from tests.conftest import ROOT

LEAST_TESTS = 3


@pytest.fixture(scope="module")
def mistakes() -> ModuleType:
    path = ROOT / "scripts" / "reference_mistakes.py"
    spec = importlib.util.spec_from_file_location("reference_mistakes", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("number", range(1, 13))
def test_a_mistake_has_checks_and_at_least_three_tests(mistakes: ModuleType, number: int) -> None:
    assert len(mistakes.tests_of(number)) >= LEAST_TESTS
    assert [check.id for check in CHECKS if number in check.mistakes]
    page = (ROOT / "docs" / "explanation" / "twelve-mistakes.md").read_text(encoding="utf-8")
    section = page.split(f"\n## {number}. ")[1].split("\n## ")[0]
    assert [check.id for check in CHECKS if (f"`{check.id}`" in section) != (number in check.mistakes)] == []
    for name in mistakes.tests_of(number):
        assert name.removeprefix("test_").replace("_", " ") in section


def test_the_page_has_every_mistake_once(mistakes: ModuleType) -> None:
    assert list(mistakes.MISTAKES) == list(range(1, 13))
