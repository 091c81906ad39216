"""The model of the access test: it gives away what it reads."""

import random
import re
from dataclasses import dataclass
from typing import Any

import orjson

Json = dict[str, Any]

WORD = re.compile(r"zq[0-9a-f]{10}")
PASSAGE = re.compile(r"<passage n=\"(\d+)\"[^>]*>\n?(.+?)</passage\b", re.DOTALL)


@dataclass
class Model:
    """A model that repeats its whole prompt with few or no citations, and proposes actions with it where it can."""

    chance: random.Random

    def answer(self, request: Json) -> str | Json:
        prompt = " ".join(message.get("content") or "" for message in request["messages"][1:])
        passages = [(n, " ".join(text.split())) for n, text in PASSAGE.findall(prompt)]
        results = " ".join(m["content"] for m in request["messages"] if m["role"] == "tool")
        offered = [tool["function"]["name"] for tool in request.get("tools") or ()]
        if offered and not results:
            note = {"ticket": "T-1", "text": " ".join(text for _, text in passages)[:1500] or "Nothing."}
            proposals = [("look_up_ticket", {"ticket": "T-1"}), ("add_ticket_note", note)]
            calls = [
                {"name": name, "arguments": orjson.dumps(arguments).decode()}
                for name, arguments in proposals
                if name in offered
            ]
            tool_calls = [{"id": f"c{n}", "type": "function", "function": call} for n, call in enumerate(calls)]
            return {"content": None, "tool_calls": tool_calls}
        others = WORD.findall(results)[-3:] + WORD.findall(" ".join(text for _, text in passages[1:]))
        words = " ".join(list(dict.fromkeys(others))[:4])
        # In a sentence that another passage supports, so that the source of the words is not cited.
        replies = [text.replace(".", f" {words} [{n}].", 1) for n, text in passages[:1]] or [words]
        return "NO ANSWER" if not results and self.chance.random() < 0.3 else replies[0] or "NO ANSWER"
