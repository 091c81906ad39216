"""Refuses answers that a service could not run with: one sentence that says how to mend it, and exit 1."""

import json
import re
import sys
from pathlib import Path

# The one line that the generator fills in: JSON never holds three quotes in a row, so any answer fits.
ANSWERS: dict[str, str] = json.loads(r"""{{ cookiecutter | jsonify }}""")

OLDEST_COOKIECUTTER = "cookiecutter 2.1.1"
SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
WHOLE = re.compile(r"[1-9][0-9]*")
MONEY = re.compile(r"[0-9]+(\.[0-9]{1,2})?")
# Control characters and line ends have no place in a line of YAML, TOML or CODEOWNERS, and double braces
# would be rendered again.
UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]|\x7b[\x7b%#]|[\x7d%#]\x7d")


def name_complaint(what: str, name: str) -> str | None:
    if name.strip() and len(name) <= 80 and not UNSAFE.search(name):
        return None
    return f"{what} must be 1 to 80 characters on one line without double braces: give a shorter, plain name."


def slug_complaint(slug: str) -> str | None:
    if SLUG.fullmatch(slug) and 2 <= len(slug) <= 50 and slug not in ("app", "test", "tests"):
        return None
    return (
        f"The folder name {slug!r} will not do: use 2 to 50 lower-case letters, digits and single hyphens, "
        "starting with a letter, for example handbook-answers."
    )


def contact_complaint(contact: str) -> str | None:
    if EMAIL.fullmatch(contact):
        return None
    return (
        f"{contact!r} is no e-mail address: give one that reaches the person on call, for example oncall@example.com."
    )


def latency_complaint(latency: str) -> str | None:
    if WHOLE.fullmatch(latency) and 50 <= int(latency) <= 120_000:
        return None
    return (
        f"The latency target {latency!r} will not do: "
        "give a whole number of milliseconds from 50 to 120000, for example 3000."
    )


def budget_complaint(budget: str) -> str | None:
    if MONEY.fullmatch(budget) and 1 <= float(budget) <= 10_000_000:
        return None
    return (
        f"The monthly budget {budget!r} will not do: "
        "give US dollars from 1 to 10000000 without sign or separators, for example 200."
    )


def template_complaint(repository: str) -> str | None:
    """The service can be run where the template stands; its data and environment are not for a new project."""
    left = [
        path for name in (".data", ".venv") for path in Path(repository).glob(f"*cookiecutter.project_slug*/{name}")
    ]
    return (
        f"The template folder holds {left[0].name} of a run in it: remove {left[0]} and bake again." if left else None
    )


def generator_complaint(answers: dict[str, str]) -> str | None:
    """A cookiecutter of before private variables copies them as they stand, and the service with them."""
    if "cookiecutter." not in answers["__license_expression"]:
        return None
    return f"This cookiecutter is too old for the template: install {OLDEST_COOKIECUTTER} or newer and bake again."


def first_complaint(answers: dict[str, str]) -> str | None:
    return (
        generator_complaint(answers)
        or name_complaint("The name of the service", answers["project_name"])
        or name_complaint("The owner team", answers["owner_team"])
        or contact_complaint(answers["oncall_contact"])
        or latency_complaint(answers["p95_latency_ms"])
        or budget_complaint(answers["monthly_budget_usd"])
        or slug_complaint(answers["project_slug"])
        or template_complaint(answers.get("_repo_dir", "."))
    )


complaint = first_complaint(ANSWERS)
if complaint:
    # Old consoles cannot print every letter; the sentence must arrive all the same.
    sys.stderr.buffer.write(f"{complaint}\n".encode(sys.stderr.encoding or "ascii", "backslashreplace"))
    sys.exit(1)
