import httpx

from app.adapters.chat.choice import ModelChoice
from app.adapters.chat.fields import LearnedRules
from app.adapters.chat.openai import OpenAIChat, azure_endpoint, openai_endpoint
from app.adapters.chat.wire import Dialect
from app.core.clock import Clock


def open_chat(
    choice: ModelChoice, transport: httpx.AsyncBaseTransport, clock: Clock, learned: LearnedRules
) -> OpenAIChat:
    """The client of a configured model. transport: shared by all models and closed by its owner. learned: what the
    models of this process refused.
    """
    dialect = Dialect(choice.field_rules, choice.starts_with_reasoning)
    name, url, idle = choice.model, choice.base_url, choice.idle_seconds
    if choice.kind == "azure":
        endpoint = azure_endpoint(name, url, name, choice.keys, choice.api_version, dialect=dialect, idle_seconds=idle)
    else:
        endpoint = openai_endpoint(name, url, name, choice.keys, dialect=dialect, idle_seconds=idle)
    return OpenAIChat(endpoint, transport, clock, learned)
