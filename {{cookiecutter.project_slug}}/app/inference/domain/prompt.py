import re
from collections.abc import Sequence

from app.llm.domain.messages import ChatRequest, Message, Tool
from app.retrieval.domain import Passage

_FENCE = re.compile(r"<(/?)(?=(?:passages?|question)\b)", re.IGNORECASE)


def build_request(
    prompt: str,
    question: str,
    passages: Sequence[Passage],
    max_tokens: int,
    temperature: float | None,
    tools: tuple[Tool, ...] = (),
) -> ChatRequest:
    """The request to a model. Passages and question are inside tags that their text cannot close."""
    fragments = "\n".join(_passage_element(n, passage) for n, passage in enumerate(passages, 1))
    content = f"<passages>\n{fragments}\n</passages>\n\n<question>\n{_escape_tags(question)}\n</question>"
    return ChatRequest((Message("system", prompt), Message("user", content)), max_tokens, temperature, tools)


def _passage_element(number: int, passage: Passage) -> str:
    where = " > ".join((passage.title, *passage.headings)).replace('"', "'").replace("\n", " ")
    return f'<passage n="{number}" from="{_escape_tags(where)}">\n{_escape_tags(passage.text)}\n</passage>'


def _escape_tags(text: str) -> str:
    return text if "<" not in text else _FENCE.sub(r"‹\1", text)
