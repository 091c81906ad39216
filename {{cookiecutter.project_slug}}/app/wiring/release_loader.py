"""Loads a stored release with the keys, embedders and transport of this process."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from app.actions.domain import NOTHING_OFFERED, ActionPolicy
from app.adapters.chat.choice import DIALECT, ModelChoice
from app.core.clock import Clock
from app.core.errors import StartRefused
from app.core.ownership import OwnershipPolicy
from app.core.policies import P, Policies, PolicyModel, read_policies
from app.core.slo import SloPolicy
from app.costs.domain import CostPolicy, PriceTable
from app.inference.domain.answer import EXTRACTIVE
from app.inference.domain.grounding.answerability import Answerability
from app.inference.domain.human_review import NO_REVIEW, ReviewPolicy
from app.inference.service import PROMPT, TOOL_PROMPT, LoadedRelease, LoadedReleases
from app.ingestion.domain.policy import DataPolicy
from app.llm.ports import ChatModel
from app.llm.service import FallbackChain, GuardedModel, PseudonymisedModel
from app.releases.domain import ModelStep, Release, ReleaseUnservable, canonical_json
from app.releases.service import LiveReleases
from app.retrieval.domain import SearchParams
from app.retrieval.service import Retrieval
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


@dataclass
class ReleaseLoader:
    """Loads releases. Releases that configure a model identically share one GuardedModel, so that its circuit breaker
    keeps its state over a switch.
    """

    retrieval: Retrieval
    clock: Clock
    choices: tuple[ModelChoice, ...]
    stack: AsyncExitStack
    models: dict[bytes, GuardedModel] = field(default_factory=dict)
    transport: Any = None

    async def load(self, release: Release) -> LoadedRelease:
        """Errors: ReleaseUnservable, IndexNotFound, IndexNotReady, EmbedderMismatch, DatabaseUnavailable."""
        manifest = release.manifest
        try:
            policies = _policies_of(release)
            for prompt in (PROMPT, TOOL_PROMPT) if policies.get(ActionPolicy).offered else (PROMPT,):
                release.prompt(prompt)
            check_data_egress(policies, [step.address for step in manifest.chain if step.address])
            params = SearchParams.of(manifest.retrieval)
            prices = PriceTable.read(release.prices)
            prices.check_chat_models(step.model for step in manifest.chain)
            protection = protection_of(policies)
            models = [
                await self._guarded_model(step, protection) for step in manifest.chain if step.model != EXTRACTIVE
            ]
        except (StartRefused, ValidationError, ValueError) as error:
            raise ReleaseUnservable(f"Release {release.number} cannot be served here: {_sentence_of(error)}") from error
        return LoadedRelease(
            release=release,
            policies=policies,
            chain=FallbackChain(tuple(models), self.clock),
            security=policies.get(SecurityPolicy),
            deadline_seconds=policies.get(SloPolicy).deadline_seconds,
            risk_tier=policies.get(OwnershipPolicy).risk_tier,
            index=await self.retrieval.indexes.for_release(manifest.index),
            params=params,
            prices=prices,
            answerability=Answerability.of(manifest.settings),
            review=policies.get(ReviewPolicy),
            actions=policies.get(ActionPolicy),
            personal_data=protection,
        )

    async def chat(self, name: str | None, protection: PersonalDataProtection) -> ChatModel | None:
        """A model of this process's own chain by its name; None where there is none."""
        choice = next((each for each in self.choices if each.model == name), None)
        return (await self._guarded_model(step_of(choice), protection)).model if choice else None

    async def _guarded_model(self, step: ModelStep, protection: PersonalDataProtection) -> GuardedModel:
        # Imported late: an HTTP client costs memory, and a service without models needs none.
        from app.adapters.chat.factory import open_chat
        from app.adapters.chat.transport import make_transport

        pseudonymises, rules = protection.pseudonymises(step.address or ""), protection.rules
        name = canonical_json([step.model_dump(mode="json"), pseudonymises and [*rules.kinds, *rules.countries]])
        if name not in self.models:
            if self.transport is None:
                self.transport = await self.stack.enter_async_context(make_transport())
            choice = self._choice(step)
            chat: ChatModel = open_chat(choice, self.transport, self.clock)
            if pseudonymises:
                chat = PseudonymisedModel(chat, rules.detector)
            self.models[name] = GuardedModel(chat, choice.timeout_seconds)
        return self.models[name]

    def _choice(self, step: ModelStep) -> ModelChoice:
        """The model and parameters are the release's; the API key is this process's own for that address."""
        same = [each for each in self.choices if _host(each.base_url) == _host(step.address)]
        # The key of the same model, else of any model at the same address.
        secret = next((each.api_key for each in same if each.model == step.model), None)
        secret = secret or next((each.api_key for each in same), None)
        parameters = {name: value for name, value in step.parameters.items() if value is not None}
        return ModelChoice(
            model=step.model, base_url=step.address or "", provider=step.provider, api_key=secret, **parameters
        )


def _policies_of(release: Release) -> Policies:
    """Errors: StartRefused."""
    kinds = {name: kind for name, kind in RELEASED.items() if name not in BEFORE or name in release.policies}
    read = read_policies(release.policies, kinds, f"release {release.number}")
    return replace(read, loaded={**BEFORE, **read.loaded})


def released(
    kind: type[P], live_releases: LiveReleases, loaded_releases: LoadedReleases, files: Policies
) -> Callable[[], P]:
    """Returns a policy of the live release; that of the files while no release is live."""

    def find() -> P:
        live = live_releases.by_name.get(live_releases.production)
        return (loaded_releases.of(live.live).policies if live else files).get(kind)

    return find


def step_of(choice: ModelChoice) -> ModelStep:
    """The manifest entry of a configured model, without its API key."""
    # Defaults are left out, so that manifests from before these options keep their digests.
    defaults = {name for name in DIALECT if getattr(choice, name) == ModelChoice.model_fields[name].default}
    parameters = choice.model_dump(exclude={"model", "base_url", "api_key", "provider", *defaults})
    return ModelStep(provider=choice.paid, model=choice.model, address=choice.base_url, parameters=parameters)


def _host(address: str | None) -> str:
    return urlsplit(address or "").netloc


def _sentence_of(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}."
    return str(error)
