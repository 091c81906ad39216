"""The first start of the embedded server in a misconfigured environment."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.conftest import App, app


@pytest.mark.long
@pytest.mark.parametrize("variables", [{"LC_ALL": "xx_YY.UTF-8"}, {"LANG": "tlh_KX"}, {"LC_COLLATE": "nowhere"}])
def test_a_locale_that_does_not_exist_does_not_break_it(
    variables: dict[str, str], tmp_path: Path, forked_app: App
) -> None:
    none = {"LC_ALL": "", "LANG": "", "LC_CTYPE": "", "LC_COLLATE": ""}
    done = app(tmp_path, "migrate", **(none | variables))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "Schema None →" in done.stdout
    assert forked_app(tmp_path, "migrate", **(none | variables)).returncode == 0


@pytest.mark.slow
def test_starts_at_the_same_moment_share_one_server_and_migrate_it_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor() as threads:
        done = list(threads.map(lambda _: app(tmp_path, "migrate"), range(2)))
    assert [each.returncode for each in done] == [0, 0], [each.stderr for each in done]
    assert sorted("as it was" in each.stdout for each in done) == [False, True]
    assert not (tmp_path / "postgres" / "postmaster.pid").exists()  # it ended with the last of them
