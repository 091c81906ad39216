"""What every process opens first: its policies, database, prices, retrieval, releases and parsers."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from app import __version__
from app.actions.domain import ActionPolicy
from app.actions.ports import Action
from app.actions.service import SHIPPED
from app.adapters.chat.choice import ModelChoice
from app.adapters.master_keys import EnvironmentKeys
from app.adapters.parsers.pool import ParserPool
from app.adapters.prices import BundledPrices
from app.core.clock import Clock, SystemClock
from app.core.database import Database, open_database
from app.core.embedded import Urls
from app.core.ownership import OwnershipPolicy
from app.core.policies import Policies, PolicyModel, load_policies
from app.core.slo import SloPolicy
from app.core.telemetry import shutdown_tracing
from app.costs.domain import CostPolicy
from app.costs.service import Costs, make_price_table
from app.encryption.service import TenantKeys
from app.evaluation.domain.policy import QualityPolicy
from app.evaluation.service import SuiteFiles
from app.governance.domain.readiness.readiness_policy import ReadinessPolicy
from app.identity.domain.policy import IdentityPolicy
from app.inference.domain.grounding.answerability import Answerability
from app.inference.domain.human_review import ReviewPolicy
from app.inference.domain.release_names import EXTRACTIVE
from app.ingestion.domain.policy import DataPolicy
from app.monitoring.domain.business_policy import BusinessPolicy
from app.monitoring.domain.policy import MonitoringPolicy
from app.releases.domain import ModelStep, ReleaseInputs
from app.releases.service import Releases, read_code, read_prompts
from app.retrieval.ports import PassageSearch
from app.retrieval.service.retrieval import Retrieval, make_retrieval
from app.safety.domain.policy import SecurityPolicy
from app.safety.domain.privacy_policy import PrivacyPolicy
from app.settings import Settings
from app.settings.security import MASTER_KEY_FILE
from app.setup.process import make_embedders
from app.setup.release_check import protection_of
from app.wiring.cost_setup import chat_models, make_costs
from app.wiring.extensions import load_extensions
from app.wiring.release_loader import step_of
from app.wiring.startup_checks import check_together

if TYPE_CHECKING:
    from app.adapters.rooms.retrieval import RemoteSearch

log = structlog.get_logger(__name__)

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
    "identity": IdentityPolicy,
    "readiness": ReadinessPolicy,
    "monitoring": MonitoringPolicy,
    "business": BusinessPolicy,
}

REGISTRY: dict[str, Action] = {action.name: action for action in SHIPPED}
"""The shipped actions by name; policies/actions.yaml says which of them may be proposed."""


def registry() -> dict[str, Action]:
    """All actions by name, with the team's. Errors: StartRefused."""
    return {**REGISTRY, **load_extensions().actions}


def policies_of(settings: Settings) -> Policies:
    """With the team's extensions, whose names the policies may use. Errors: StartRefused."""
    load_extensions()
    return load_policies(settings.root / "policies", POLICIES)


def check(settings: Settings) -> Policies:
    """The checks of a start that need neither models' weights nor the database. Errors: StartRefused."""
    policies = policies_of(settings)
    check_together(settings, policies, registry())
    read_prompts(settings.root / "prompts")
    make_price_table(policies.get(CostPolicy), chat_models(settings), BundledPrices(), SystemClock())
    return policies


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
    """The resources that all services share. remote_search: where another process searches for this one."""

    settings: Settings
    policies: Policies
    clock: Clock
    database: Database
    urls: Urls
    costs: Costs
    retrieval: Retrieval
    releases: Releases
    parser: ParserPool
    keys: TenantKeys
    remote_search: "RemoteSearch | None" = None

    @property
    def suites(self) -> SuiteFiles:
        return SuiteFiles(self.settings.root / "evals")

    @property
    def search(self) -> PassageSearch:
        return self.remote_search or self.retrieval

    async def close(self) -> None:
        await self.parser.close()
        if self.remote_search:
            await self.remote_search.close()
        await self.retrieval.close()
        await self.database.close()
        shutdown_tracing()


async def open_infrastructure(
    settings: Settings, urls: Urls, clock: Clock, wait_seconds: float | None = None
) -> Infrastructure:
    policies = policies_of(settings)
    check_together(settings, policies, registry())
    database = await open_database(urls.service, settings.database_pool, urls.session, wait_seconds)
    embedders = make_embedders(settings, protection_of(policies))
    costs = await make_costs(settings, policies.get(CostPolicy), embedders, database, clock)
    retrieval = make_retrieval(database, clock, costs, embedders, settings.text_search)
    releases = Releases(_release_inputs(settings, policies, costs, retrieval), database, retrieval.indexes, clock)
    formats = load_extensions().formats
    parser = ParserPool(settings.worker_concurrency, formats=formats, ocr_languages=settings.ocr_languages)
    keys = TenantKeys(database, _master_keys(settings), clock)
    remote = _remote_search(settings, clock)
    return Infrastructure(settings, policies, clock, database, urls, costs, retrieval, releases, parser, keys, remote)


def _remote_search(settings: Settings, clock: Clock) -> "RemoteSearch | None":
    if settings.retrieval_url is None:
        return None
    # Imported late: an HTTP client costs memory, and a service that searches by itself needs none.
    from app.adapters.rooms.retrieval import make_remote_search

    return make_remote_search(settings.retrieval_url, settings.room_secret(), clock, settings.outbound)


def _master_keys(settings: Settings) -> EnvironmentKeys:
    path = settings.data_dir / MASTER_KEY_FILE
    if settings.master_key is None and not path.exists():
        log.warning(
            "encryption.master_key_generated",
            what=f"it is in {path}; set APP_MASTER_KEY where the data matters, and keep a copy of it elsewhere",
        )
    current, *previous = settings.master_secrets()
    return EnvironmentKeys(current, previous)
