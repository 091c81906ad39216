"""The clients that are run, and how each is set up."""

from dataclasses import dataclass

CHECKS = (
    "answer",
    "stream",
    "refusal",
    "error",
    "budget",
    "citations",
    "responses",
    "responses stream",
    "annotations",
    "structured output",
    "own tools",
    "tour",
)


@dataclass(frozen=True)
class ClientProgram:
    """file: of its program. setup: one line that makes it use the service."""

    name: str
    file: str
    setup: str

    @property
    def is_node(self) -> bool:
        return self.file.endswith(".mjs")


PROGRAMS = (
    ClientProgram("openai (Python)", "openai_python.py", 'OpenAI(base_url="…/v1", api_key="sk_…")'),
    ClientProgram("openai (Node)", "openai_node.mjs", 'new OpenAI({ baseURL: "…/v1", apiKey: "sk_…" })'),
    ClientProgram(
        "AI SDK",
        "ai_sdk.mjs",
        'createOpenAICompatible({ name: "service", baseURL: "…/v1", apiKey: "sk_…" }), or createOpenAI for responses',
    ),
    ClientProgram("LangChain", "langchain_client.py", 'ChatOpenAI(model="default", base_url="…/v1", api_key="sk_…")'),
    ClientProgram(
        "Pydantic AI",
        "pydantic_ai_client.py",
        'OpenAIChatModel("default", provider=OpenAIProvider(base_url="…/v1", api_key="sk_…"))',
    ),
    ClientProgram(
        "LlamaIndex",
        "llama_index_client.py",
        'OpenAILike(model="default", api_base="…/v1", api_key="sk_…", is_chat_model=True); for objects with '
        'additional_kwargs={"response_format": {"type": "json_schema", …}}',
    ),
    ClientProgram(
        "LiteLLM", "litellm_sdk.py", 'completion(model="openai/default", api_base="…/v1", api_key="sk_…", messages=[…])'
    ),
    ClientProgram(
        "LiteLLM proxy",
        "litellm_proxy.py",
        'litellm_params: {model: openai/default, api_base: "…/v1", api_key: sk_…}',
    ),
    ClientProgram(
        "llm", "llm_cli.py", 'extra-openai-models.yaml: {model_id: service, model_name: default, api_base: "…/v1"}'
    ),
    ClientProgram("Spectral", "spectral.mjs", "spectral lint …/openapi.json"),
    ClientProgram(
        "openapi-python-client",
        "generated_client.py",
        "openapi-python-client generate --url …/openapi.json; AuthenticatedClient(base_url=…, token=…)",
    ),
)
