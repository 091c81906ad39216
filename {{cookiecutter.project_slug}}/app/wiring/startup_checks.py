"""Checks policies against each other and against the settings, before any resource is opened."""

from collections.abc import Collection
from fnmatch import fnmatchcase

from app.actions.domain import ActionPolicy, pins_of
from app.adapters.parsers.ocr import OFF, tesseract
from app.core.errors import StartRefused
from app.core.policies import Policies
from app.identity.domain import PERMISSIONS
from app.inference.domain.human_review import ReviewPolicy
from app.inference.domain.release_names import EXTRACTIVE
from app.settings import Settings
from app.setup.process import embedder_addresses
from app.setup.release_check import check_data_egress
from app.wiring.cost_setup import chat_models


def check_together(settings: Settings, policies: Policies, registry: Collection[str]) -> None:
    """registry: the names of all actions. Errors: StartRefused."""
    _check_text_recognition(settings)
    _check_egress(settings, policies)
    _check_model_names(settings, policies)
    _check_action_names(policies, registry)
    _check_tool_servers(settings, policies, registry)


def _check_text_recognition(settings: Settings) -> None:
    named = settings.ocr_languages
    if named in ("", OFF) or tesseract(named):
        return
    found = tesseract("")
    there = f"there are only {', '.join(found.languages)}" if found else "no Tesseract is installed"
    raise StartRefused(
        f"APP_OCR_LANGUAGES names {named}, and {there}; correct it, or install Tesseract with these languages."
    )


def _check_egress(settings: Settings, policies: Policies) -> None:
    models = [choice.base_url for choice in settings.model_chain]
    servers = [each.url for each in policies.get(ActionPolicy).servers.values()]
    check_data_egress(policies, [*models, *embedder_addresses(settings), *servers])


def _check_model_names(settings: Settings, policies: Policies) -> None:
    names = [each.model for each in chat_models(settings)]
    for rule in policies.get(ReviewPolicy).rules:
        matching = [name for name in names if any(fnmatchcase(name, each) for each in rule.when.models or ("*",))]
        if rule.when.confidence_below is not None and not {*matching} - {EXTRACTIVE}:
            raise StartRefused(
                f"policies/review.yaml: rule '{rule.name}' has confidence_below, and APP_MODEL_CHAIN names no "
                "model that it applies to; add one, or remove the condition."
            )
        for pattern in rule.when.models:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise StartRefused(
                    f"policies/review.yaml: rule '{rule.name}' names the model {pattern}, and there are only "
                    f"{', '.join(names)}; correct the name, or remove it."
                )


def _check_action_names(policies: Policies, registry: Collection[str]) -> None:
    policy = policies.get(ActionPolicy)
    known = [*registry, *pins_of(policy.servers)]
    for name in policy.offered:
        if name not in known:
            raise StartRefused(
                f"policies/actions.yaml offers {name}, and there are only {', '.join(known)}; "
                "correct the name, or remove it."
            )


def _check_tool_servers(settings: Settings, policies: Policies, registry: Collection[str]) -> None:
    policy = policies.get(ActionPolicy)
    for name, server in policy.servers.items():
        for secret in server.headers.values():
            if secret not in settings.mcp_secrets:
                raise StartRefused(
                    f"policies/actions.yaml: the server {name} needs the secret {secret}; set it in APP_MCP_SECRETS."
                )
    for pin in pins_of(policy.servers).values():
        if pin.action in registry:
            raise StartRefused(
                f"policies/actions.yaml: the tool {pin.tool} of {pin.server_name} would be called {pin.action}, as an "
                "action of this service is; give the server another name."
            )
        if not any(pin.accepted.permission in granted for granted in PERMISSIONS.values()):
            raise StartRefused(
                f"policies/actions.yaml: the tool {pin.tool} of {pin.server_name} needs the permission "
                f"{pin.accepted.permission}, which no role has; correct it."
            )
