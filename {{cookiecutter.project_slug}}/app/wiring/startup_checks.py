"""What the files of a process say of each other and of its settings, checked before anything is opened."""

from collections.abc import Collection
from fnmatch import fnmatchcase

from app.actions.domain import ActionPolicy
from app.core.errors import StartRefused
from app.core.policies import Policies
from app.inference.domain.answer import EXTRACTIVE
from app.inference.domain.human_review import ReviewPolicy
from app.settings import Settings
from app.wiring.cost_setup import chat_models
from app.wiring.release_loader import check_data_egress


def check_together(settings: Settings, policies: Policies, registry: Collection[str]) -> None:
    """registry: the names of the actions there are. Errors: StartRefused."""
    _keep_confidential(settings, policies)
    _know_models(settings, policies)
    _know_actions(policies, registry)


def _keep_confidential(settings: Settings, policies: Policies) -> None:
    embeds = "openai" in (settings.embedder, settings.embedder_next)
    check_data_egress(policies, [choice.base_url for choice in settings.model_chain] + [settings.embedder_url] * embeds)


def _know_models(settings: Settings, policies: Policies) -> None:
    names = [each.model for each in chat_models(settings)]
    for rule in policies.get(ReviewPolicy).rules:
        meant = [name for name in names if any(fnmatchcase(name, each) for each in rule.when.models or ("*",))]
        if rule.when.confidence_below is not None and not {*meant} - {EXTRACTIVE}:
            raise StartRefused(
                f"policies/review.yaml: rule '{rule.name}' asks how sure a model was, and none that it means writes "
                "here; name one in APP_MODEL_CHAIN, or take the condition out."
            )
        for wanted in rule.when.models:
            if not any(fnmatchcase(name, wanted) for name in names):
                raise StartRefused(
                    f"policies/review.yaml: rule '{rule.name}' names the model {wanted}, and there are only "
                    f"{', '.join(names)}; correct the name, or take it out."
                )


def _know_actions(policies: Policies, registry: Collection[str]) -> None:
    for name in policies.get(ActionPolicy).offered:
        if name not in registry:
            raise StartRefused(
                f"policies/actions.yaml offers {name}, and there are only {', '.join(registry)}; "
                "correct the name, or take it out."
            )
