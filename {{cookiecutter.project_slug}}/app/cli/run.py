import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from app.cli.common import DEFAULT_TENANT, out, print_unmasked, settings_for_command
from app.cli.health import NO_ANSWER, missing_of
from app.core.embedded import Urls
from app.core.errors import Problem, StartRefused
from app.core.event_loop import run_coroutine
from app.core.health import SILENT
from app.core.listening import claimed, url_of
from app.core.pooling import PATIENT_SECONDS
from app.core.schema import migrate
from app.core.stop_signals import STOP_SIGNALS, ask_to_stop, start_stoppable
from app.identity.domain import ALL_ROLES, KeyInvalid
from app.settings import METRICS_SETTING, Settings
from app.wiring import State, build, database_urls, observe

READY_SECONDS = 30.0
TELL_SECONDS = 10.0
STOP_SECONDS = 15.0


def run() -> None:
    """Run the API and a worker together until Ctrl-C, on a migrated database, with a development key."""
    settings = settings_for_command()
    observe(settings)
    _refuse_taken_ports(settings)
    out.print("Starting the database…")
    urls, server = database_urls(settings)
    migrate(urls.owner, urls.service, settings.root)
    key = run_coroutine(development_key(settings, urls))
    for name in STOP_SIGNALS:
        signal.signal(name, signal.default_int_handler)
    children: list[subprocess.Popen[bytes]] = []
    try:
        children += (_start(part) for part in ("serve", "worker"))
        _await_ready(settings, children)
        _greet(settings, key)
        _watch(children)
    except KeyboardInterrupt:
        out.print("\nStopping…")
    finally:
        _stop(children)
        if server:
            server.stop()


def _start(part: str) -> subprocess.Popen[bytes]:
    return start_stoppable([sys.executable, "-m", "app", part])


def _refuse_taken_ports(settings: Settings) -> None:
    if settings.port == 0:
        raise StartRefused("'app run' prints the address of the API; set APP_PORT to a number other than 0.")
    if settings.metrics_port == settings.port:
        raise StartRefused(f"API and worker cannot share port {settings.port}; choose another with {METRICS_SETTING}.")
    for port, setting in ((settings.port, "APP_PORT"), (settings.metrics_port, METRICS_SETTING)):
        with claimed(settings.host, port, setting):
            pass


async def development_key(settings: Settings, urls: Urls) -> str:
    """The same key at every start, of a tenant named default, with every role. Refused outside development."""
    if settings.environment != "development":
        raise StartRefused("'app run' is for development; run 'app serve' and 'app worker' here.")
    path = settings.data_dir / "development-key"
    async with build(settings, urls, wait_seconds=PATIENT_SECONDS) as state:
        await state.retrieval.ready()
        await _print_live_release(state)
        if path.exists():
            with contextlib.suppress(KeyInvalid):
                if (await state.identity.authenticate(path.read_text(encoding="utf-8"))).roles >= ALL_ROLES:
                    return path.read_text(encoding="utf-8")
        tenant = await state.identity.ensure_tenant(DEFAULT_TENANT)
        key = await state.identity.create_key(tenant, "development", ALL_ROLES)
    _write_private(path, key.text)
    return key.text


async def _print_live_release(state: State) -> None:
    """The first release approves itself here; any later change of the files waits for a release of its own."""
    first = not await state.releases.list(1)
    try:
        parts = await state.environments.unreleased_changes()
    except Problem:
        return  # the API says it, once it runs
    live = state.environments.current()
    if first:
        out.print(f"Release {live.number} ({live.short}) is the first one here: it approved itself.", highlight=False)
    elif set(parts) - {"code"}:
        out.print(
            f"Your {', '.join(parts)} differ from release {live.number}, which is live. To try yours on staging: "
            "app release create --staging",
            highlight=False,
        )


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def _await_ready(settings: Settings, children: list[subprocess.Popen[bytes]]) -> None:
    """Waits as long as it takes while both processes live; gives up on an API that answers and gets no readier."""
    missing, since, printed_at = NO_ANSWER, time.monotonic(), time.monotonic()
    while current := missing_of(url_of(settings.host, settings.port)):
        if any(child.poll() is not None for child in children):
            raise StartRefused("The API or the worker did not start; the lines above say why.")
        now = time.monotonic()
        if current != missing:
            missing, since = current, now
        if not _busy(current) and now - since > READY_SECONDS:
            raise StartRefused(f"The API runs and does not get ready. {current}")
        if now - printed_at > TELL_SECONDS:
            printed_at = now
            out.print(f"Still starting (Ctrl-C stops). {current}", highlight=False, markup=False)
        time.sleep(0.05)


def _busy(missing: str) -> bool:
    """Whether a slow start alone explains it, so that waiting helps."""
    return missing == NO_ANSWER or SILENT in missing


def _greet(settings: Settings, key: str) -> None:
    base = url_of(settings.host, settings.port)
    out.print(f"\nReady at [bold]{base}[/]   (documentation at {base}/docs, Ctrl-C stops)\n")
    if settings.console:
        out.print(f"Console: {base}/console/ (reviews and budgets; sign in with the key below)\n", highlight=False)
    print_unmasked(f"Development key: {key}\n")
    out.print("Ask your documents; .venv/bin/app ingest PATH… adds them:", highlight=False)
    print_unmasked(
        f"  curl -s {base}/v1/answers -H 'Authorization: Bearer {key}' \\\n"
        "    -H 'Content-Type: application/json' -d '{\"question\": \"What does the contract say about notice?\"}'\n"
    )


def _watch(children: list[subprocess.Popen[bytes]]) -> None:
    while all(child.poll() is None for child in children):
        time.sleep(0.2)
    raise StartRefused("The API or the worker ended by itself; the lines above say why.")


def _stop(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        if child.poll() is None:
            ask_to_stop(child)
    for child in children:
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
