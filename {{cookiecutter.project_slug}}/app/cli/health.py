"""How a process on this machine is. Imports little, because container runtimes ask every few seconds."""

import contextlib
import json
import urllib.error
import urllib.request
from typing import Annotated

import typer

from app.cli.common import out, settings_for_command
from app.core.errors import StartRefused
from app.core.listening import url_of

ASK_SECONDS = 5.0
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
NO_ANSWER = "The API does not answer yet."


def health(
    worker: Annotated[
        bool, typer.Option("--worker", help="Ask the worker, which is well while it shows metrics.")
    ] = False,
) -> None:
    """Ask the API on this machine whether it is ready, for health checks of containers. Exit status 1: it is not."""
    settings = settings_for_command()
    if worker:
        missing = (
            "" if _answers(f"{url_of(settings.host, settings.metrics_port)}/metrics") else "The worker does not answer."
        )
    else:
        missing = missing_of(url_of(settings.host, settings.port))
    if missing:
        raise StartRefused(missing)
    out.print("ok")


def missing_of(base: str) -> str:
    """The failing readiness checks of the API at this address as one text; empty when it is ready."""
    try:
        with NO_PROXY.open(f"{base}/health/ready", timeout=ASK_SECONDS):
            return ""
    except urllib.error.HTTPError as refused:
        with refused, contextlib.suppress(ValueError, KeyError, OSError):
            checks = json.load(refused)["checks"]
            return " ".join(f"{name}: {state}" for name, state in checks.items() if state != "ok") or NO_ANSWER
    except (urllib.error.URLError, OSError):
        pass
    return NO_ANSWER


def _answers(address: str) -> bool:
    try:
        with NO_PROXY.open(address, timeout=ASK_SECONDS):
            return True
    except (urllib.error.URLError, OSError):
        return False
