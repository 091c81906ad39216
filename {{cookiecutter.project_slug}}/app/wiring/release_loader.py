"""Loads a stored release with the keys, embedders and transport of this process."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from app.actions.domain import ActionPolicy
from app.adapters.chat.choice import ModelChoice, parameters_of
from app.adapters.chat.fields import LearnedRules
from app.core.clock import Clock
from app.core.genai import ModelEndpoint
from app.core.outbound import DIRECT, OutboundRules
from app.core.ownership import OwnershipPolicy
from app.core.policies import P, Policies
from app.core.slo import SloPolicy
from app.inference.domain.human_review import ReviewPolicy
from app.inference.service import LoadedRelease, LoadedReleases
from app.llm.ports import ChatModel
from app.llm.service import FallbackChain, GuardedModel, PseudonymisedModel
from app.releases.domain import ModelStep, Release, canonical_json
from app.releases.service import LiveReleases
from app.safety.domain.personal_data import PersonalDataProtection
from app.safety.domain.policy import SecurityPolicy
from app.setup.release_check import ReleaseCheck, protection_of


@dataclass
class ReleaseLoader:
    """Loads releases. Releases that configure a model identically share one GuardedModel, so that its circuit breaker
    keeps its state over a switch. learned: what the models refused, over all releases.
    """

    release_check: ReleaseCheck
    clock: Clock
    stack: AsyncExitStack
    models: dict[bytes, GuardedModel] = field(default_factory=dict)
    outbound: OutboundRules = DIRECT
    transport: Any = None
    learned: LearnedRules = field(default_factory=LearnedRules)

    async def load(self, release: Release) -> LoadedRelease:
        """Errors: ReleaseUnservable, IndexNotFound, IndexNotReady, EmbedderMismatch, DatabaseUnavailable."""
        checked = await self.release_check.check(release)
        policies = checked.policies
        protection = protection_of(policies)
        models = [await self._guarded_model(choice, protection) for choice in checked.models]
        return LoadedRelease(
            release=release,
            policies=policies,
            chain=FallbackChain(tuple(models), self.clock),
            security=policies.get(SecurityPolicy),
            deadline_seconds=policies.get(SloPolicy).deadline_seconds,
            risk_tier=policies.get(OwnershipPolicy).risk_tier,
            index=checked.index,
            params=checked.params,
            prices=checked.prices,
            answerability=checked.answerability,
            review=policies.get(ReviewPolicy),
            actions=policies.get(ActionPolicy),
            personal_data=protection,
        )

    async def chat(self, name: str | None, protection: PersonalDataProtection) -> ChatModel | None:
        """A model of this process's own chain by its name; None where there is none."""
        choice = next((each for each in self.release_check.choices if each.model == name), None)
        return (await self._guarded_model(choice, protection)).model if choice else None

    async def _guarded_model(self, choice: ModelChoice, protection: PersonalDataProtection) -> GuardedModel:
        # Imported late: an HTTP client costs memory, and a service without models needs none.
        from app.adapters.chat.factory import open_chat
        from app.adapters.outbound import make_transport

        pseudonymises, rules = protection.pseudonymises(choice.base_url or ""), protection.rules
        step = step_of(choice).model_dump(mode="json")
        name = canonical_json([step, pseudonymises and [*rules.kinds, *rules.countries]])
        if name not in self.models:
            if self.transport is None:
                self.transport = await self.stack.enter_async_context(make_transport(rules=self.outbound))
            chat: ChatModel = open_chat(choice, self.transport, self.clock, self.learned)
            if pseudonymises:
                chat = PseudonymisedModel(chat, rules.detector)
            endpoint = ModelEndpoint.at(choice.paid, choice.model, choice.base_url)
            self.models[name] = GuardedModel(chat, choice.timeout_seconds, endpoint)
        return self.models[name]


def released(
    kind: type[P], live_releases: LiveReleases, loaded_releases: LoadedReleases, files: Policies
) -> Callable[[], P]:
    """Returns a policy of the live release; that of the files while no release is live."""

    def find() -> P:
        live = live_releases.by_name.get(live_releases.production)
        return (loaded_releases.of(live.live).policies if live else files).get(kind)

    return find


def also_served(
    kind: type[P], live_releases: LiveReleases, loaded_releases: LoadedReleases
) -> Callable[[], tuple[P, ...]]:
    """Returns a policy of each release that is served besides the live one: canaries, and staging."""

    def find() -> tuple[P, ...]:
        served = live_releases.by_name.values()
        others = {each.id: each for environment in served for each in environment.by_arm.values()}
        if live := live_releases.by_name.get(live_releases.production):
            others.pop(live.live.id, None)
        return tuple(loaded_releases.of(each).policies.get(kind) for each in others.values())

    return find


def step_of(choice: ModelChoice) -> ModelStep:
    """The manifest entry of a configured model, without its API key."""
    return ModelStep(
        provider=choice.paid, model=choice.model, address=choice.base_url, parameters=parameters_of(choice)
    )
