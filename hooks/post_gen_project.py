"""Finishes a new service: drops the CI files not chosen, records the template, makes the first commit, says what to do
next.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

# The one line that the generator fills in: JSON never holds three quotes in a row, so any answer fits.
ANSWERS: dict[str, str] = json.loads(r"""{{ cookiecutter | jsonify }}""")

CI_FILES = {"github": ".github", "gitlab": ".gitlab-ci.yml"}
CACHES = ("__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".import_linter_cache")
# Variables by which a caller points git at a repository of its own.
POINTERS = {
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_COMMON_DIR",
    "GIT_PREFIX",
}


def drop_what_was_not_chosen(project: Path) -> None:
    for provider, name in CI_FILES.items():
        if provider != ANSWERS["ci_provider"]:
            remove(project / name)


def strip_caches(project: Path) -> None:
    for cache in [path for name in CACHES for path in project.rglob(name)]:
        remove(cache)


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    elif path.exists():
        path.unlink()


def record_template(project: Path) -> None:
    """Where the service comes from, for `make upgrade`, in the form that cruft reads too."""
    template = folder_of_template()
    answers = {name: value for name, value in ANSWERS.items() if not name.startswith("_")}
    content = {
        "template": address(ANSWERS.get("_template", ""), template),
        "commit": commit_of(template),
        "version": version_of(template),
        "checkout": None,
        "context": {"cookiecutter": answers},
        "directory": None,
    }
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    (project / ".template.json").write_text(text, encoding="utf-8", newline="\n")


def folder_of_template() -> Path:
    """Where it stands on this machine. A relative address is one of the folder in which the bake was started."""
    given = ANSWERS.get("_repo_dir", ".")
    places = [Path(above) / given for above in (os.environ.get("PWD", "."), ANSWERS.get("_output_dir", "."))]
    return next((each for each in places if (each / "cookiecutter.json").is_file()), places[0]).resolve()


def address(given: str, template: Path) -> str:
    """As it was given, without a password; for a folder the place where others find it, where it has one."""
    if given == ANSWERS.get("_repo_dir"):
        given = asked(["git", "remote", "get-url", "origin"], template) or str(template)
    if given.startswith(("ssh:", "git+ssh:")):  # the user is part of the address
        return re.sub(r"^([a-z+]+://[^/:@]*):[^/]*@", r"\1@", given)
    return re.sub(r"^([a-z+]+://)[^/]*@", r"\1", given)


def commit_of(template: Path) -> str | None:
    """None where no commit has these very files: without git, in an archive, with changes that are not committed."""
    if not asked(["git", "ls-files", "--error-unmatch", "cookiecutter.json"], template):
        return None
    parts = ("cookiecutter.json", "hooks", ":(glob)*cookiecutter*/**")
    changed = asked(["git", "status", "--porcelain", "--", *parts], template)
    return asked(["git", "rev-parse", "HEAD"], template) or None if changed == "" else None


def version_of(template: Path) -> str | None:
    """The first, and so newest, version in the template's ledger of upgrades."""
    ledger = template / "UPGRADES.yaml"
    text = ledger.read_text(encoding="utf-8") if ledger.is_file() else ""
    newest = re.search(r"^- version: ['\"]?([^\s'\"]+)", text, re.MULTILINE)
    return newest[1] if newest else None


def asked(command: list[str], folder: Path) -> str | None:
    """What a command printed, None where it failed."""
    clean = {name: value for name, value in os.environ.items() if name not in POINTERS}
    try:
        done = subprocess.run(command, cwd=folder, env=clean, capture_output=True, check=False)
    except OSError:
        return None
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else None


def first_commit(project: Path) -> bool:
    """Makes a repository with one commit and tells whether it did. No repository around it is touched."""
    git = shutil.which("git")
    if git is None or (project / ".git").exists():
        return False
    clean = {name: value for name, value in os.environ.items() if name not in POINTERS}
    known = run([git, "config", "user.email"], project, clean) and run([git, "config", "user.name"], project, clean)
    here = {
        **clean,
        **({} if known else identity()),
        "GIT_DIR": str(project / ".git"),
        "GIT_WORK_TREE": str(project),
    }
    quiet = ["-c", "commit.gpgsign=false", "-c", "core.hooksPath="]
    steps = (
        [git, "init", "--quiet"],
        [git, "symbolic-ref", "HEAD", "refs/heads/main"],
        [git, "add", "--all"],
        [git, *quiet, "commit", "--quiet", "--message", "Generate the service"],
    )
    return all(run(step, project, here) for step in steps)


def identity() -> dict[str, str]:
    """The owner signs where git knows nobody."""
    name, email = ANSWERS["owner_team"], ANSWERS["oncall_contact"]
    return {
        **{f"GIT_{who}_NAME": name for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": email for who in ("AUTHOR", "COMMITTER")},
    }


def run(command: list[str], folder: Path, environment: dict[str, str]) -> bool:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return done.returncode == 0


def main() -> int:
    project = Path.cwd()
    drop_what_was_not_chosen(project)
    strip_caches(project)
    record_template(project)
    if "NO_FIRST_COMMIT" in os.environ:
        return 0
    if not first_commit(project):
        print("No first commit was made: run `git init` in the new folder when git is at hand.")
    print(f"\nYour service is in {project.name}. Next:\n\n  cd {project.name}\n  make demo\n")
    return 0


sys.exit(main())
