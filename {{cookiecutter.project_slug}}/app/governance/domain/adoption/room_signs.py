"""Which room of this service does what a file of a prototype does, by its imports, its calls and its name."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Final

MODEL_LIBRARIES: Final = frozenset(
    {"openai", "anthropic", "litellm", "cohere", "mistralai", "google.generativeai", "ollama", "groq", "together"}
)
LOGGING: Final = frozenset({"logging", "structlog", "loguru"})
RETRIES: Final = frozenset({"tenacity", "backoff", "retry", "retrying", "stamina"})

BY_IMPORT: Final[Mapping[str, Collection[str]]] = {
    "app/llm": MODEL_LIBRARIES | {"langchain_openai", "langchain_anthropic"},
    "app/retrieval": {
        *("faiss", "chromadb", "pinecone", "qdrant_client", "weaviate", "pymilvus", "pgvector", "lancedb"),
        *("sentence_transformers", "rank_bm25", "elasticsearch", "opensearchpy"),
    },
    "app/ingestion": {
        *("pypdf", "PyPDF2", "fitz", "pdfplumber", "docx", "bs4", "unstructured", "markdown", "openpyxl"),
        *("langchain_text_splitters", "langchain_community", "scrapy"),
    },
    "app/inference": {"langchain", "llama_index", "haystack", "dspy"},
    "app/console": {"streamlit", "gradio", "chainlit", "dash"},
    "app/main": {"fastapi", "flask", "django", "starlette", "aiohttp"},
    "app/evaluation": {"ragas", "deepeval", "trulens", "evaluate", "promptfoo"},
    "app/monitoring": {"prometheus_client", "opentelemetry", "langfuse", "sentry_sdk", "mlflow", "wandb"},
    "app/actions": {"stripe", "smtplib", "sendgrid", "slack_sdk", "twilio", "paypalrestsdk"},
    "app/core": {"sqlalchemy", "sqlite3", "psycopg", "psycopg2", "pymongo", "redis", "celery", "rq"},
    "app/identity": {"jwt", "jose", "passlib", "authlib", "bcrypt", "msal"},
    "app/safety": {"presidio_analyzer", "guardrails", "nemoguardrails", "llm_guard"},
    "app/costs": {"tiktoken", "tokencost"},
    "app/settings": {"dotenv", "pydantic_settings", "configparser", "decouple"},
}
BY_CALL: Final[Mapping[str, re.Pattern[str]]] = {
    "app/llm": re.compile(r"chat\.completions\.create$|messages\.create$|responses\.create$|generate_content$"),
    "app/retrieval": re.compile(r"embeddings\.create$|similarity_search|\.query_points$|IndexFlat"),
    "app/ingestion": re.compile(r"TextSplitter|split_text$|split_documents$|extract_text$"),
    "app/actions": re.compile(r"sendmail$|chat_postMessage$|PaymentIntent\.create$|Refund\.create$"),
}
BY_NAME: Final[Mapping[str, re.Pattern[str]]] = {
    "prompts": re.compile(r"(?i)prompt"),
    "app/evaluation": re.compile(r"(?i)(?:^|[/_])eval|golden"),
    "app/ingestion": re.compile(r"(?i)ingest|loader|crawl|chunk|\.(?:pdf|docx)$"),
    "app/retrieval": re.compile(r"(?i)retriev|vector|embed|search"),
    "app/settings": re.compile(r"(?i)(?:^|/)(?:config|settings)|(?:^|/)\.env"),
    "app/costs": re.compile(r"(?i)cost|price|billing"),
    "deploy": re.compile(r"(?i)dockerfile|compose\.ya?ml|(?:^|/)k8s/|helm"),
    "docs": re.compile(r"(?i)(?:^|/)(?:readme|docs/).*"),
}


def rooms_of_python(imported: Collection[str], calls: Collection[str]) -> Iterator[str]:
    """What is called says more than what is imported, and comes first."""
    for room, pattern in BY_CALL.items():
        if any(pattern.search(name) for name in calls):
            yield room
    for room, names in BY_IMPORT.items():
        if not set(names).isdisjoint(imported):
            yield room


def rooms_of_text(path: str) -> Iterator[str]:
    for room, pattern in BY_NAME.items():
        if pattern.search(path):
            yield room
