"""The check that a stored release can be served by this code, with the keys, embedders and indexes of this process."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from pydantic import SecretStr, ValidationError

from app.actions.domain import NOTHING_OFFERED, ActionPolicy
from app.adapters.chat.choice import ModelChoice, options_of
from app.core.errors import StartRefused
from app.core.ownership import OwnershipPolicy
from app.core.policies import Policies, PolicyModel, read_policies
from app.core.slo import SloPolicy
from app.costs.domain import CostPolicy, PriceTable
from app.inference.domain.grounding.answerability import Answerability
from app.inference.domain.release_names import EXTRACTIVE, PROMPT, TOOL_PROMPT
from app.inference.domain.review_policy import NO_REVIEW, ReviewPolicy
from app.ingestion.domain.policy import DataPolicy
from app.releases.domain import ModelStep, Release, ReleaseUnservable
from app.retrieval.domain import IndexRow, SearchParams
from app.retrieval.service.index_registry import IndexRegistry
from app.safety.domain.personal_data import PersonalDataProtection
from app.safety.domain.policy import SecurityPolicy
from app.safety.domain.privacy_policy import PrivacyPolicy

RELEASED: dict[str, type[PolicyModel]] = {
    "ownership": OwnershipPolicy,
    "slo": SloPolicy,
    "security": SecurityPolicy,
    "data": DataPolicy,
    "cost": CostPolicy,
    "review": ReviewPolicy,
    "actions": ActionPolicy,
    "privacy": PrivacyPolicy,
}
"""The policies that questions and documents go through; they come from the release, not from this process's files."""

BEFORE: dict[str, PolicyModel] = {
    "review": NO_REVIEW,
    "actions": NOTHING_OFFERED,
    "privacy": PrivacyPolicy(owner="the defaults"),
}
"""The policies of a release that has none of its own."""


def check_data_egress(policies: Policies, addresses: list[str]) -> None:
    """Errors: StartRefused, when confidential text would be sent to a host that is not allowed."""
    if policies.get(OwnershipPolicy).data_sensitivity != "confidential":
        return
    for address in addresses:
        if not policies.get(SecurityPolicy).may_receive(address):
            raise StartRefused(
                f"policies/ownership.yaml calls the data confidential, and text would be sent to {address}; "
                "once that is agreed, name its host under confidential_hosts in policies/security.yaml."
            )


def protection_of(policies: Policies) -> PersonalDataProtection:
    return PersonalDataProtection(
        policies.get(PrivacyPolicy).personal_data, policies.get(OwnershipPolicy).data_sensitivity
    )


@dataclass(frozen=True)
class CheckedRelease:
    """The parts of a release that this process can serve. models: those of its chain, with this process's keys."""

    policies: Policies
    params: SearchParams
    prices: PriceTable
    answerability: Answerability
    models: Sequence[ModelChoice]
    index: IndexRow


@dataclass(frozen=True)
class ReleaseCheck:
    """A ReleaseCache for a process that answers nothing: it checks releases, and keeps none. choices: the models of
    this process's own chain.
    """

    indexes: IndexRegistry
    choices: tuple[ModelChoice, ...]

    async def check(self, release: Release) -> CheckedRelease:
        """Errors: ReleaseUnservable, IndexNotFound, IndexNotReady, EmbedderMismatch, DatabaseUnavailable."""
        manifest = release.manifest
        try:
            policies = _policies_of(release)
            for prompt in (PROMPT, TOOL_PROMPT) if policies.get(ActionPolicy).offered else (PROMPT,):
                release.prompt(prompt)
            models = [step.address for step in manifest.chain if step.address]
            servers = [each.url for each in policies.get(ActionPolicy).servers.values()]
            check_data_egress(policies, [*models, *servers])
            params = SearchParams.of(manifest.retrieval)
            prices = PriceTable.read(release.prices)
            prices.check_chat_models(step.model for step in manifest.chain)
            choices = [self._choice(step) for step in manifest.chain if step.model != EXTRACTIVE]
        except (StartRefused, ValidationError, ValueError) as error:
            raise ReleaseUnservable(f"Release {release.number} cannot be served here: {_sentence_of(error)}") from error
        index = await self.indexes.for_release(manifest.index)
        return CheckedRelease(policies, params, prices, Answerability.of(manifest.settings), choices, index)

    async def preload(self, release: Release) -> None:
        await self.check(release)

    def retain(self, release_ids: set[str]) -> None:
        pass

    def _choice(self, step: ModelStep) -> ModelChoice:
        """The model and parameters are the release's; the API key is this process's own for that address."""
        same = [each for each in self.choices if _host(each.base_url) == _host(step.address)]
        # The keys of the same model, else of any model at the same address.
        same.sort(key=lambda each: (not each.keys, each.model != step.model))
        key, *more = map(SecretStr, same[0].keys) if same and same[0].keys else (None,)
        return ModelChoice(
            model=step.model,
            base_url=step.address or "",
            provider=step.provider,
            api_key=key,
            api_keys=tuple(more),
            **options_of(step.parameters),
        )


def _policies_of(release: Release) -> Policies:
    """Errors: StartRefused."""
    kinds = {name: kind for name, kind in RELEASED.items() if name not in BEFORE or name in release.policies}
    read = read_policies(release.policies, kinds, f"release {release.number}")
    return replace(read, loaded={**BEFORE, **read.loaded})


def _host(address: str | None) -> str:
    return urlsplit(address or "").netloc


def _sentence_of(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}."
    return str(error)
