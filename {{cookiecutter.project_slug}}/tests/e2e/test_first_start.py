"""The first start of the embedded server in a misconfigured environment."""

from pathlib import Path

import pytest

from tests.e2e.conftest import app


@pytest.mark.parametrize("variables", [{"LC_ALL": "xx_YY.UTF-8"}, {"LANG": "tlh_KX"}, {"LC_COLLATE": "nowhere"}])
def test_a_locale_that_does_not_exist_does_not_break_it(variables: dict[str, str], tmp_path: Path) -> None:
    none = {"LC_ALL": "", "LANG": "", "LC_CTYPE": "", "LC_COLLATE": ""}
    done = app(tmp_path, "migrate", **(none | variables))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "Schema None →" in done.stdout
    assert app(tmp_path, "migrate", **(none | variables)).returncode == 0
