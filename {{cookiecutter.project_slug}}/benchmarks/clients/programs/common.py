"""Runs the checks of one client and prints what came of each as JSON."""

import json
import os
from collections.abc import Callable, Mapping
from importlib.metadata import version

URL, KEY, POOR = os.environ["CLIENT_URL"], os.environ["CLIENT_KEY"], os.environ["CLIENT_POOR_KEY"]
WHO, BUILDER = "Who built the lighthouse of Karlen?", "Marta Holm"
OFF_TOPIC, REFUSAL = "How do volcanoes form on Io?", "nothing in the documents"
NO_MODEL, NO_MONEY = "There is no model", "budget"
WORKS = "works"
NORTH = "Karlen is north"
"""The result of the tool of each client, which the answer repeats."""

Check = Callable[[], str]


def run(checks: Mapping[str, Check], package: str = "") -> None:
    found = {name: _outcome(check) for name, check in checks.items()}
    print(json.dumps({"version": version(package) if package else "", "checks": found}))


def _outcome(check: Check) -> str:
    try:
        return check()
    except Exception as error:
        return f"failed: {type(error).__name__}: {str(error)[:300]}"


def has(text: object, words: str = BUILDER) -> str:
    return WORKS if words in str(text) else f"failed: {str(text)[:300]!r} does not hold {words!r}"


def error_of(call: Callable[[], object], words: str) -> str:
    """Whether the client raises an error with these words of the service."""
    try:
        result = call()
    except Exception as error:
        return WORKS if words.lower() in str(error).lower() else f"failed: the error is {str(error)[:300]!r}"
    return f"failed: there was no error, but {str(result)[:200]!r}"


def optional(call: Callable[[], object], words: str = BUILDER) -> str:
    """What a model of the chain may not be able to do: it works, or the service refuses it with its own words. words:
    of what comes of it.
    """
    try:
        return has(call(), words)
    except Exception as error:
        refused = any(getattr(each, "status_code", 0) in (400, 422) for each in (error, error.__cause__))
        return f"refused: {str(error)[:200]}" if refused else f"failed: {type(error).__name__}: {str(error)[:300]}"
