"""An answer as an object of the OpenAI Responses API, and as the events of a stream of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from app.core.errors import Problem
from app.inference.domain.grounding.citations import Marker, markers_in
from app.inference.routes.events import event
from app.inference.routes.replies import WAITS
from app.inference.routes.responses_request import PREFIX, CreateResponseRequest

REJECTED = "A person has rejected this answer."
_REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}
_WEB = ("http://", "https://")


@dataclass(frozen=True)
class Options:
    """What a response repeats of its request."""

    instructions: str | None = None
    max_output_tokens: int | None = None
    previous_response_id: str | None = None
    temperature: float | None = None
    tools: tuple[Mapping[str, Any], ...] = ()
    tool_choice: Any = "auto"
    text: Mapping[str, Any] = field(default_factory=lambda: {"format": {"type": "text"}})
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, body: CreateResponseRequest) -> "Options":
        extra = body.model_extra or {}
        metadata, wanted = extra.get("metadata"), body.text.format if body.text else None
        return cls(
            body.instructions,
            body.max_output_tokens,
            body.previous_response_id,
            body.temperature,
            tuple(tool.as_dict() for tool in body.tools or ()),
            body.tool_choice or "auto",
            {"format": wanted or {"type": "text"}},
            metadata if isinstance(metadata, dict) else {},
        )

    @property
    def structured(self) -> bool:
        """The text is the client's JSON object; it is sent as a whole, and a refusal is no text."""
        return self.text["format"].get("type") in ("json_object", "json_schema")

    def as_dict(self) -> dict[str, Any]:
        return {
            "background": False,
            "instructions": self.instructions,
            "max_output_tokens": self.max_output_tokens,
            "metadata": self.metadata,
            "parallel_tool_calls": True,
            "previous_response_id": self.previous_response_id,
            "store": True,
            "temperature": self.temperature,
            "text": self.text,
            "tool_choice": self.tool_choice,
            "tools": self.tools,
            "top_p": None,
            "truncation": "disabled",
        }


@dataclass(frozen=True)
class ResponseHead:
    """What is known of a response before its text. hex: of the id of the answer."""

    hex: str
    created_at: int
    model: str
    options: Options

    @classmethod
    def of(cls, response: Mapping[str, Any], options: Options) -> "ResponseHead":
        identifier = str(response["id"]).removeprefix(PREFIX)
        return cls(identifier, int(response["created_at"]), str(response["model"]), options)

    @property
    def item_id(self) -> str:
        return f"msg_{self.hex}"

    def in_progress(self) -> dict[str, Any]:
        return self._response("in_progress", [])

    def failed(self, problem: Problem) -> dict[str, Any]:
        error = {"code": _error_code(problem.status), "message": problem.as_openai()["message"]}
        return self._response("failed", [], error=error)

    def ended(self, text: str, finish: str, answer: Mapping[str, Any], ending: str = "") -> dict[str, Any]:
        """answer: as POST /v1/answers returns it, also a held one. ending: stands below the text."""
        reason = _REASONS.get(finish)
        status = "incomplete" if reason else "completed"
        details = {"reason": reason} if reason else None
        usage = _usage(answer["usage"]) if "usage" in answer else None
        output = [self.call(call) for call in answer.get("tool_calls", ())]
        if not output:
            output = [self.item(status, [self._content(text, answer, ending)])]
        return self._response(status, output, incomplete_details=details, usage=usage, answer=answer)

    def _content(self, text: str, answer: Mapping[str, Any], ending: str) -> dict[str, Any]:
        if not self.options.structured:
            return _part(text + ending, annotations_of(text, answer.get("citations", ())))
        refused = answer["status"] != "answered" or answer.get("refusal")
        return {"type": "refusal", "refusal": text} if refused else _part(text, [])

    def call(self, call: Mapping[str, Any]) -> dict[str, Any]:
        """A call of a tool that the client runs."""
        function = {"call_id": call["id"], "name": call["name"], "arguments": call["arguments"]}
        return {"id": f"fc_{call['id']}", "type": "function_call", "status": "completed", **function}

    def item(self, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
        return {"id": self.item_id, "type": "message", "role": "assistant", "status": status, "content": content}

    def _response(self, status: str, output: list[dict[str, Any]], **ended: Any) -> dict[str, Any]:
        return {
            "id": f"{PREFIX}{self.hex}",
            "object": "response",
            "created_at": self.created_at,
            "status": status,
            "model": self.model,
            "output": output,
            "error": None,
            "incomplete_details": None,
            "usage": None,
            **self.options.as_dict(),
            **ended,
        }


def response_of(answer: Mapping[str, Any], options: Options, ending: str = "") -> dict[str, Any]:
    """The response for an answer, as POST /v1/answers or GET /v1/answers/{answer_id} return it. ending: stands below
    the text.
    """
    hex_id, created_at = str(answer["id"]).replace("-", ""), _seconds(answer["created_at"])
    if answer["status"] in ("held", "rejected"):
        text = WAITS if answer["status"] == "held" else REJECTED
        return ResponseHead(hex_id, created_at, str(answer["status"]), options).ended(text, "content_filter", answer)
    head = ResponseHead(hex_id, created_at, str(answer["model"]), options)
    return head.ended(str(answer["text"]), str(answer["finish_reason"]), answer, ending)


def annotations_of(text: str, citations: Any) -> list[dict[str, Any]]:
    """One for each mark in the text, with its place: of the web where the document has an address there, else of a
    file.
    """
    by_mark = {citation["marker"]: citation for citation in citations}
    marks = ((marker, by_mark.get(marker.number)) for marker in markers_in(text))
    return [_annotation(marker, citation) for marker, citation in marks if citation]


def _annotation(marker: Marker, citation: Mapping[str, Any]) -> dict[str, Any]:
    title, uri = str(citation["title"]), str(citation["uri"])
    if uri.startswith(_WEB):
        place = {"start_index": marker.start, "end_index": marker.end}
        return {"type": "url_citation", "title": title, "url": uri, **place}
    name = uri or title
    return {"type": "file_citation", "file_id": str(citation["document_id"]), "filename": name, "index": marker.end}


class ResponseEvents:
    """The events of one streamed response, numbered in their order."""

    def __init__(self, options: Options) -> None:
        self._head = ResponseHead("0" * 32, 0, "", options)
        self._number = 0
        self._in_message = False

    def begin(self, head: ResponseHead) -> bytes:
        self._head = head
        started = head.in_progress()
        return self._event("response.created", response=started) + self._event("response.in_progress", response=started)

    def text(self, text: str) -> bytes:
        added = b"" if self._in_message else self._message_added(_part("", []))
        self._in_message = True
        return added + self._event("response.output_text.delta", delta=text, logprobs=[], **self._place)

    def ending(self, text: str) -> bytes:
        """What stands below a text that was sent in pieces."""
        return self.text(text) if text and self._in_message else b""

    def end(self, response: Mapping[str, Any]) -> bytes:
        items = (
            self._call(index, item) if item["type"] == "function_call" else self._message_ended(item)
            for index, item in enumerate(response["output"])
        )
        return b"".join((*items, self._event(f"response.{response['status']}", response=response)))

    def _message_added(self, part: Mapping[str, Any]) -> bytes:
        item = self._event("response.output_item.added", item=self._head.item("in_progress", []), output_index=0)
        return item + self._event("response.content_part.added", part=part, **self._place)

    def _message_ended(self, item: Mapping[str, Any]) -> bytes:
        [part] = item["content"]
        refused = part["type"] == "refusal"
        more = {"refusal": part["refusal"]} if refused else {"text": part["text"], "logprobs": []}
        return b"".join(
            (
                b"" if self._in_message else self._whole(part),
                *self._annotations(part.get("annotations", [])),
                self._event(f"response.{part['type']}.done", **more, **self._place),
                self._event("response.content_part.done", part=part, **self._place),
                self._event("response.output_item.done", item=item, output_index=0),
            )
        )

    def _whole(self, part: Mapping[str, Any]) -> bytes:
        """The beginning of a message whose text was not sent in pieces."""
        if part["type"] == "refusal":
            added = self._message_added({**part, "refusal": ""})
            return added + self._event("response.refusal.delta", delta=part["refusal"], **self._place)
        added = self._message_added(_part("", []))
        if not part["text"]:
            return added
        return added + self._event("response.output_text.delta", delta=part["text"], logprobs=[], **self._place)

    def _call(self, index: int, item: Mapping[str, Any]) -> bytes:
        place = {"item_id": item["id"], "output_index": index}
        kind, arguments = "response.function_call_arguments", item["arguments"]
        started = {**item, "arguments": "", "status": "in_progress"}
        return b"".join(
            (
                self._event("response.output_item.added", item=started, output_index=index),
                self._event(f"{kind}.delta", delta=arguments, **place),
                self._event(f"{kind}.done", arguments=arguments, name=item["name"], **place),
                self._event("response.output_item.done", item=item, output_index=index),
            )
        )

    def fail(self, problem: Problem) -> bytes:
        """A failed response, and the error that clients raise: some look only at the one, some at the other."""
        error = problem.as_openai()
        failed = self._event("response.failed", response=self._head.failed(problem))
        named = {name: error[name] for name in ("code", "message", "param")}
        return failed + self._event("error", **named, error=error)

    def _annotations(self, annotations: list[dict[str, Any]]) -> Iterator[bytes]:
        for index, annotation in enumerate(annotations):
            where = {"annotation_index": index, **self._place}
            yield self._event("response.output_text.annotation.added", annotation=annotation, **where)

    @property
    def _place(self) -> dict[str, Any]:
        return {"item_id": self._head.item_id, "output_index": 0, "content_index": 0}

    def _event(self, kind: str, **data: Any) -> bytes:
        numbered = {"type": kind, "sequence_number": self._number, **data}
        self._number += 1
        return event(kind, orjson.dumps(numbered))


def _part(text: str, annotations: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": annotations, "logprobs": []}


def _usage(usage: Mapping[str, Any]) -> dict[str, Any]:
    read, written = usage["input_tokens"], usage["output_tokens"]
    return {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": usage.get("cached_input_tokens", 0), "cache_write_tokens": 0},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": usage.get("reasoning_tokens", 0)},
        "total_tokens": read + written,
    }


def _seconds(at: Any) -> int:
    return int((at if isinstance(at, datetime) else datetime.fromisoformat(str(at))).timestamp())


def _error_code(status: int) -> str:
    """One of the few codes that this format has for a failed response."""
    if status == 429:
        return "rate_limit_exceeded"
    return "server_error" if status >= 500 else "invalid_prompt"
