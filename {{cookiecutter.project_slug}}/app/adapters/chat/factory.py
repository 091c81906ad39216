import httpx

from app.adapters.chat.choice import DIALECT, ModelChoice
from app.adapters.chat.openai import OpenAIChat, azure_endpoint, openai_endpoint
from app.core.clock import Clock


def open_chat(choice: ModelChoice, transport: httpx.AsyncBaseTransport, clock: Clock) -> OpenAIChat:
    """The client of a configured model. transport: shared by all models and closed by its owner."""
    options = choice.model_dump(include={"idle_seconds", "limit_field", *DIALECT})
    if choice.kind == "azure":
        endpoint = azure_endpoint(
            choice.model, choice.base_url, choice.model, choice.api_key, choice.api_version, **options
        )
    else:
        endpoint = openai_endpoint(choice.model, choice.base_url, choice.model, choice.api_key, **options)
    return OpenAIChat(endpoint, transport, clock)
