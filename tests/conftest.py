"""A small template with a ledger, for the tests of the ledger and of releases."""

from pathlib import Path

import pytest

from scripts.ledger import LEDGER, SERVICE, dump, git


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A template with two files, a contract of each kind, and one released version."""
    pages = {
        "policies.md": "## policies/slo.yaml\n\n| `answer.p95_ms` | number |\n",
        "problems.md": "| 404 | `tenant_missing` | No |\n",
        "settings.md": "| `APP_PORT` | number |\n",
        "metrics.md": "| `app_answers_total` | counter |\n",
        "routes.md": "| `GET /v1/keys` | `keys:manage` |\n",
    }
    content = {"app/one.py": "1\n" * 20, "app/two.py": "2\n" * 20}
    for name, text in {**content, **{f"docs/reference/{name}": text for name, text in pages.items()}}.items():
        (tmp_path / SERVICE / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / SERVICE / name).write_text(text, encoding="utf-8")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "config", "user.name", "A")
    git(tmp_path, "config", "user.email", "a@example.com")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "The first version")
    lists: dict[str, list[str]] = {"renames": [], "removed": [], "contracts": [], "steps": []}
    newest = {"version": "1.0.1", "date": None, "serious": "patch", **lists}
    last = {
        "version": "1.0.0",
        "date": "2026-01-01",
        "serious": "major",
        "commit": git(tmp_path, "rev-parse", "HEAD").strip(),
        **lists,
    }
    (tmp_path / LEDGER).write_text(dump([newest, last]), encoding="utf-8")
    return tmp_path
