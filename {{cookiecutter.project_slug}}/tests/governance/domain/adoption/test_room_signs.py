"""Which room does what a file does, by its imports, its calls and its name."""

import pytest

from app.governance.domain.adoption.room_signs import rooms_of_python, rooms_of_text


@pytest.mark.parametrize(
    ("imported", "calls", "rooms"),
    [
        ({"openai"}, set(), ["app/llm"]),
        ({"openai"}, {"client.embeddings.create"}, ["app/retrieval", "app/llm"]),
        (set(), {"client.chat.completions.create"}, ["app/llm"]),
        (set(), {"client.chat.completions.create_later"}, []),
        (set(), {"store.similarity_search_with_score"}, ["app/retrieval"]),
        ({"google"}, set(), []),
        ({"google.generativeai", "google"}, set(), ["app/llm"]),
        ({"jwt", "redis", "dotenv"}, set(), ["app/core", "app/identity", "app/settings"]),
        (set(), set(), []),
    ],
)
def test_what_is_called_comes_before_what_is_imported(imported: set[str], calls: set[str], rooms: list[str]) -> None:
    assert list(rooms_of_python(imported, calls)) == rooms


@pytest.mark.parametrize(
    ("path", "rooms"),
    [
        ("Prompts/answer.txt", ["prompts"]),
        ("src/eval_answers.py", ["app/evaluation"]),
        ("src/retrieval.py", ["app/retrieval"]),
        ("medieval.py", []),
        ("contract.PDF", ["app/ingestion"]),
        (".env.local", ["app/settings"]),
        ("src/config/base.py", ["app/settings"]),
        ("reconfigure.py", []),
        ("Dockerfile", ["deploy"]),
        ("docker-compose.yml", ["deploy"]),
        ("README.md", ["docs"]),
        ("main.py", []),
    ],
)
def test_a_name_says_where_a_file_belongs(path: str, rooms: list[str]) -> None:
    assert list(rooms_of_text(path)) == rooms
