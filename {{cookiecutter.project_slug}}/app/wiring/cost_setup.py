"""The costs of a process that has every room: the prices of its models and embedders, and the answers to count."""

from collections.abc import Sequence
from dataclasses import replace

from app.core.clock import Clock
from app.core.database import Database
from app.costs.domain import CostPolicy, PricedModel
from app.costs.service import Costs
from app.inference.domain.release_names import EXTRACTIVE
from app.inference.service import ResolvedAnswers
from app.retrieval.ports import Embedder
from app.settings import Settings
from app.setup.prices import choose_costs, embedding_models


async def make_costs(
    settings: Settings, policy: CostPolicy, embedders: Sequence[Embedder], database: Database, clock: Clock
) -> Costs:
    """Errors: StartRefused, as choose_costs."""
    models = [*chat_models(settings), *embedding_models(embedders, settings.embedder_url)]
    return replace(await choose_costs(policy, models, database, clock), resolutions=ResolvedAnswers())


def chat_models(settings: Settings) -> list[PricedModel]:
    chat = [PricedModel(each.model, each.paid, address=each.base_url) for each in settings.model_chain]
    return [*chat, PricedModel(EXTRACTIVE, "local")]
