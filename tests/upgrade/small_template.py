"""A template of a few files with the real hook and the real upgrade, so that it can move on within a second."""

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

from tests.baking import REPOSITORY, TEMPLATE, run

FOLDER = "{{cookiecutter.project_slug}}"
QUESTIONS = {
    "project_name": "Small",
    "owner_team": "Team",
    "oncall_contact": "team@example.com",
    "ci_provider": ["none", "github"],
    "project_slug": "{{ cookiecutter.project_name | slugify }}",
    "_copy_without_render": ["app", "scripts", "migrations", "tests", "docs", "evals"],
}
FIRST = {
    ".gitattributes": "* text=auto eol=lf\n",
    ".gitignore": "__pycache__/\n.env\n.data/\n",
    ".env.example": "# APP_PORT=8000\n",
    "README.md": "# {{ cookiecutter.project_name }}\n\nOf {{ cookiecutter.owner_team }}.\n",
    "app/__init__.py": "",
    "app/__main__.py": "from app.wiring import wire\n\nwire()\n",
    "app/wiring.py": "from app.answers import answer\n\n\ndef wire() -> str:\n    return answer('?')\n",
    "app/answers.py": "".join(f"# line {line} of the answers\n" for line in range(30))
    + "\n\ndef answer(question: str) -> str:\n    return question\n",
    "docs/guide.md": "# Guide\n\nOne.\n\nTwo.\n\nThree.\n",
    "migrations/versions/0001_first.py": 'revision = "0001"\ndown_revision = None\n',
    "policies/cost.yaml": "owner: {{ cookiecutter.owner_team }}\n\nbudget_usd: 100\n\nwarn_percent: 80\n",
    "tests/__init__.py": "",
    "evals/cases.yaml": "[]\n",
}


@dataclass(frozen=True)
class SmallTemplate:
    """A repository of its own."""

    folder: Path

    def commit(self, message: str, files: Mapping[str, str | None]) -> str:
        """Writes files of the service, None removes one, and gives the commit."""
        for name, text in files.items():
            write(self.folder / FOLDER / name, text)
        return commit(self.folder, message)


def make_template(folder: Path) -> SmallTemplate:
    folder.mkdir()
    (folder / "cookiecutter.json").write_text(json.dumps(QUESTIONS), encoding="utf-8")
    (folder / "hooks").mkdir()
    shutil.copy(REPOSITORY / "hooks" / "post_gen_project.py", folder / "hooks")
    scripts = folder / FOLDER / "scripts"
    shutil.copytree(TEMPLATE / "scripts" / "upgrade", scripts / "upgrade", ignore=shutil.ignore_patterns("__pycache__"))
    git(folder, "init", "--quiet")
    template = SmallTemplate(folder)
    template.commit("first", FIRST)
    return template


def generate(template: Path, folder: Path, *options: str, **answers: str) -> Path:
    """A service of the template, as cookiecutter makes it."""
    folder.mkdir()
    pairs = [f"{name}={value}" for name, value in answers.items()]
    command = [sys.executable, "-m", "cookiecutter", str(template), "--no-input", "-o", str(folder), *options, *pairs]
    done = run(command, folder)
    assert done.returncode == 0, done.stdout
    (project,) = folder.iterdir()
    return project


def upgrade(project: Path, *words: str, script: Path | None = None) -> "CompletedProcess[str]":
    return run([sys.executable, str(script or project / "scripts" / "upgrade"), *words], project)


def write(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) >= 1, f"{path} does not hold {old!r}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8", newline="")


def git(folder: Path, *words: str) -> str:
    done = run(["git", *words], folder)
    assert done.returncode == 0, done.stdout
    return done.stdout.strip()


def commit(folder: Path, message: str) -> str:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)
    return git(folder, "rev-parse", "HEAD")


STATUS = ("status", "--porcelain", "--ignored")


def state(project: Path) -> tuple[str, ...]:
    """All that an upgrade could leave behind, but for the compiled script, which git ignores."""
    files = {
        path.relative_to(project).as_posix(): path.read_bytes()
        for path in project.rglob("*")
        if path.is_file() and not {".git", "__pycache__"} & set(path.relative_to(project).parts)
    }
    return (
        repr(sorted(files.items())),
        "\n".join(line for line in git(project, *STATUS).splitlines() if "__pycache__" not in line),
        git(project, "for-each-ref"),
        git(project, "symbolic-ref", "HEAD"),
        git(project, "worktree", "list"),
    )
