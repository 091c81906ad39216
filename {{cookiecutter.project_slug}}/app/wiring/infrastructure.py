"""What every process opens first: its policies, database, prices, retrieval, releases and parsers."""

from dataclasses import dataclass
from pathlib import Path

from app import __version__
from app.actions.domain import ActionPolicy
from app.actions.ports import Action
from app.actions.service import SHIPPED
from app.adapters.chat.choice import ModelChoice
from app.adapters.embeddings.factory import EmbedderSettings, make_embedder
from app.adapters.embeddings.masked import MaskedEmbedder
from app.adapters.parsers.pool import ParserPool
from app.adapters.prices import BundledPrices
from app.core.clock import Clock, SystemClock
from app.core.database import Database, open_database
from app.core.embedded import EmbeddedPostgres, Urls, start_embedded
from app.core.logging import configure_logging
from app.core.ownership import OwnershipPolicy
from app.core.policies import Policies, PolicyModel, load_policies
from app.core.slo import SloPolicy
from app.core.telemetry import configure_tracing, shutdown_tracing
from app.costs.domain import CostPolicy
from app.costs.service import Costs, make_price_table
from app.evaluation.domain.policy import QualityPolicy
from app.evaluation.service import SuiteFiles
from app.inference.domain.answer import EXTRACTIVE
from app.inference.domain.grounding.answerability import Answerability
from app.inference.domain.human_review import ReviewPolicy
from app.ingestion.domain.policy import DataPolicy
from app.releases.domain import ModelStep, ReleaseInputs
from app.releases.service import Releases, read_code, read_prompts
from app.retrieval.ports import Embedder
from app.retrieval.service import Retrieval, make_retrieval
from app.safety.domain.personal_data import DEFAULT_RULES, PersonalDataProtection
from app.safety.domain.policy import SecurityPolicy
from app.safety.domain.privacy_policy import PrivacyPolicy
from app.settings import Settings
from app.wiring.cost_setup import chat_models, make_costs
from app.wiring.release_loader import protection_of, step_of
from app.wiring.startup_checks import check_together

POLICIES: dict[str, type[PolicyModel]] = {
    "ownership": OwnershipPolicy,
    "slo": SloPolicy,
    "cost": CostPolicy,
    "security": SecurityPolicy,
    "data": DataPolicy,
    "quality": QualityPolicy,
    "review": ReviewPolicy,
    "actions": ActionPolicy,
    "privacy": PrivacyPolicy,
}

REGISTRY: dict[str, Action] = {action.name: action for action in SHIPPED}
"""All actions by name; policies/actions.yaml says which of them may be proposed."""


def policies_of(settings: Settings) -> Policies:
    return load_policies(settings.root / "policies", POLICIES)


def check(settings: Settings) -> Policies:
    """The checks of a start that need neither models' weights nor the database. Errors: StartRefused."""
    policies = policies_of(settings)
    check_together(settings, policies, REGISTRY)
    read_prompts(settings.root / "prompts")
    make_price_table(policies.get(CostPolicy), chat_models(settings), BundledPrices(), SystemClock())
    return policies


def database_urls(settings: Settings) -> tuple[Urls, EmbeddedPostgres | None]:
    """The addresses of the database; starts the embedded server when DATABASE_URL is not set."""
    if settings.database_url is None:
        server = start_embedded(settings.data_dir)
        return server.urls(), server
    service = settings.database_url.get_secret_value()
    owner = settings.database_owner_url.get_secret_value() if settings.database_owner_url else service
    return Urls(service=service, owner=owner), None


def observe(settings: Settings) -> None:
    """Configures logs and traces; called first in every process."""
    # Before any policy is read, and of all kinds whatever a policy says.
    mask = DEFAULT_RULES.mask
    configure_logging(settings.log_level, settings.log_format, mask)
    configure_tracing(
        settings.traces,
        settings.trace_sample,
        settings.root.resolve().name,
        __version__,
        settings.otlp_endpoint,
        settings.service_name,
        mask,
    )


def _embedders(settings: Settings, protection: PersonalDataProtection) -> list[Embedder]:
    choice = EmbedderSettings(
        folder=settings.embedder_folder,
        threads=settings.embedder_threads,
        url=settings.embedder_url,
        model=settings.embedder_model,
        dimensions=settings.embedder_dimensions,
        key=settings.embedder_key,
    )
    kinds = dict.fromkeys(kind for kind in (settings.embedder, settings.embedder_next) if kind)
    mask = protection.mask if protection.pseudonymises(settings.embedder_url) else None
    opened = [(kind, make_embedder(kind, choice)) for kind in kinds]
    return [MaskedEmbedder(each, mask) if mask and kind == "openai" else each for kind, each in opened]


def _release_inputs(settings: Settings, policies: Policies, costs: Costs, retrieval: Retrieval) -> ReleaseInputs:
    return ReleaseInputs(
        code=read_code(Path(__file__).parent.parent, __version__),
        prompts=read_prompts(settings.root / "prompts"),
        chain=_steps(settings.model_chain),
        retrieval=retrieval.params.manifest(),
        policies=policies.contents,
        prices=costs.table.canonical,
        refused=costs.refused,
        settings={"deadline_seconds": policies.get(SloPolicy).deadline_seconds, **Answerability().manifest()},
        suites=b"".join(file.read_bytes() for file in sorted((settings.root / "evals").glob("*.jsonl"))),
    )


def _steps(choices: tuple[ModelChoice, ...]) -> tuple[ModelStep, ...]:
    return (*map(step_of, choices), ModelStep(provider="local", model=EXTRACTIVE))


@dataclass(frozen=True)
class Infrastructure:
    """The resources that all services share."""

    settings: Settings
    policies: Policies
    clock: Clock
    database: Database
    urls: Urls
    costs: Costs
    retrieval: Retrieval
    releases: Releases
    parser: ParserPool

    @property
    def suites(self) -> SuiteFiles:
        return SuiteFiles(self.settings.root / "evals")

    async def close(self) -> None:
        await self.parser.close()
        await self.retrieval.close()
        await self.database.close()
        shutdown_tracing()


async def open_infrastructure(settings: Settings, urls: Urls, clock: Clock) -> Infrastructure:
    policies = policies_of(settings)
    check_together(settings, policies, REGISTRY)
    database = await open_database(urls.service, settings.database_pool)
    embedders = _embedders(settings, protection_of(policies))
    costs = await make_costs(settings, policies.get(CostPolicy), embedders, database, clock)
    retrieval = make_retrieval(database, clock, costs, embedders, settings.text_search)
    releases = Releases(_release_inputs(settings, policies, costs, retrieval), database, retrieval.indexes, clock)
    parser = ParserPool(processes=settings.worker_concurrency)
    return Infrastructure(settings, policies, clock, database, urls, costs, retrieval, releases, parser)
