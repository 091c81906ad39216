"""Logs, traces, the database server and the embedders of a process."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, TypeVar

from app import __version__
from app.adapters.embeddings.factory import EmbedderSettings, make_embedder
from app.adapters.embeddings.masked import MaskedEmbedder
from app.core import genai
from app.core.embedded import EmbeddedPostgres, Urls, start_embedded
from app.core.event_loop import run_coroutine
from app.core.logging import configure_logging
from app.core.outbound import OutboundRules
from app.core.redaction import SecretDetector, install_detectors
from app.core.schema import verify
from app.core.telemetry import configure_metrics, configure_tracing
from app.core.tenant_hash import use_key
from app.retrieval.ports import Embedder
from app.safety.domain.personal_data import DEFAULT_PROTECTION, DEFAULT_RULES, PersonalDataProtection
from app.settings import Settings

S = TypeVar("S")
T = TypeVar("T")

Opening = Callable[[Settings, Urls], AbstractAsyncContextManager[S]]
"""Opens the services of a process, and closes them at the end."""


def run_with(opening: Opening[S], settings: Settings, work: Callable[[S], Awaitable[T]]) -> T:
    """Runs `work` on the opened services over a verified database and returns its result.

    Errors: StartRefused, Problem.
    """
    observe(settings)
    urls, server = database_urls(settings)

    async def run() -> T:
        await verify(urls.service, settings.root, urls.session)
        async with opening(settings, urls) as services:
            return await work(services)

    try:
        return run_coroutine(run())
    finally:
        if server:
            server.stop()


def database_urls(settings: Settings) -> tuple[Urls, EmbeddedPostgres | None]:
    """The addresses of the database; starts the embedded server when DATABASE_URL is not set."""
    if settings.database_url is None:
        server = start_embedded(settings.data_dir)
        return server.urls(), server
    service = settings.database_url.get_secret_value()
    owner = settings.database_owner_url.get_secret_value() if settings.database_owner_url else service
    session = settings.database_session_url.get_secret_value() if settings.database_session_url else ""
    return Urls(service=service, owner=owner, session=session), None


def reading_url(settings: Settings, urls: Urls) -> str:
    """The address of the database as a role that sees the rows of all tenants."""
    return settings.database_backup_url.get_secret_value() if settings.database_backup_url else urls.owner


def observe(settings: Settings) -> None:
    """Configures logs and traces; called first in every process."""
    install_detectors(SecretDetector(known=settings.secret_values()))
    # Before any policy is read, and of all kinds whatever a policy says.
    mask = DEFAULT_RULES.mask
    use_key(settings.pepper)
    configure_logging(settings.log_level, settings.log_format, mask)
    service = settings.root.resolve().name
    configure_tracing(
        settings.trace_target,
        settings.trace_sample,
        service,
        __version__,
        settings.otlp_endpoint,
        settings.service_name,
        mask,
        sampler=settings.traces_sampler,
        sampler_arg=settings.traces_sampler_arg,
        content=settings.content_capture == "SPAN_ONLY",
        session=partial(_collector_session, settings.outbound),
    )
    meter = configure_metrics(
        settings.metrics_target,
        service,
        __version__,
        settings.service_name,
        partial(_collector_session, settings.outbound),
    )
    genai.use_meter(meter)


def _collector_session(rules: OutboundRules) -> Any:
    # Imported late: an HTTP client takes time and memory at the start, and most processes export nothing.
    from app.adapters.outbound import make_requests_session

    return make_requests_session(rules)


def embedder_addresses(settings: Settings) -> list[str]:
    """Where the embedders send text; nowhere as shipped."""
    return [settings.embedder_url] if "openai" in (settings.embedder, settings.embedder_next) else []


def make_embedders(settings: Settings, protection: PersonalDataProtection = DEFAULT_PROTECTION) -> list[Embedder]:
    """The embedder of new indexes first. One elsewhere gets masked texts where the policy says so.

    Errors: StartRefused.
    """
    choice = EmbedderSettings(
        folder=settings.embedder_folder,
        threads=settings.embedder_threads,
        url=settings.embedder_url,
        model=settings.embedder_model,
        dimensions=settings.embedder_dimensions,
        keys=settings.embedder_keys,
        batch=settings.embedder_batch,
        outbound=settings.outbound,
    )
    kinds = dict.fromkeys(kind for kind in (settings.embedder, settings.embedder_next) if kind)
    mask = protection.mask if protection.pseudonymises(settings.embedder_url) else None
    opened = [(kind, make_embedder(kind, choice)) for kind in kinds]
    return [MaskedEmbedder(each, mask) if mask and kind == "openai" else each for kind, each in opened]
