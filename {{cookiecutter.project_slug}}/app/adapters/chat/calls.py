"""Tool calls in a stream, whose pieces arrive with or without an index, an id or a name."""

from typing import Any

from app.core.json_types import JsonObject

Json = dict[str, Any]

MAX_CALLS, MAX_NAME_CHARACTERS = 32, 1000


class CallPieces:
    """Puts tool calls together from the deltas of a stream. At most MAX_CALLS + 1, of max_characters in all."""

    def __init__(self, max_characters: int) -> None:
        self._left = max_characters
        self._calls: list[Json] = []
        self._places: dict[object, int] = {}
        self._by_delta = False

    def add(self, pieces: object, whole: bool = False) -> None:
        """whole: the calls are in a full message, in which some servers repeat those of the deltas."""
        if not isinstance(pieces, list) or (whole and self._by_delta):
            return
        self._by_delta |= bool(pieces) and not whole
        for piece in pieces:
            if isinstance(piece, dict):
                self._add(piece)

    def _add(self, piece: Json) -> None:
        function = piece.get("function")
        function = function if isinstance(function, dict) else {}
        call = self._call_of(piece.get("index"), piece.get("id"), function.get("name"))
        if call is None:
            return
        call["id"] = call["id"] or piece.get("id")
        self._name(call["function"], function.get("name"))
        arguments = function.get("arguments")
        if isinstance(arguments, dict):
            call["function"]["arguments"] = arguments
        elif isinstance(arguments, str) and isinstance(call["function"]["arguments"], str):
            call["function"]["arguments"] += arguments[: max(0, self._left + 1)]
            self._left -= len(arguments)

    def _name(self, function: Json, piece: object) -> None:
        """Some servers send a name in pieces, others repeat the whole name with each piece of the arguments."""
        if not isinstance(piece, str):
            return
        known = function["name"] or ""
        if piece.startswith(known):
            function["name"] = piece or None
        elif not function["arguments"]:
            function["name"] = (known + piece)[:MAX_NAME_CHARACTERS]

    def _call_of(self, index: object, own: object, name: object) -> Json | None:
        """The call that a piece belongs to: by its index, else by its id; without both, the last one."""
        known = index if isinstance(index, int) else own if isinstance(own, str) and own else None
        if known is None and self._calls and not (name and self._calls[-1]["function"]["arguments"]):
            return self._calls[-1]
        if known is not None and known in self._places:
            return self._calls[self._places[known]]
        if len(self._calls) > MAX_CALLS:
            return None
        if known is not None:
            self._places[known] = len(self._calls)
        self._calls.append({"id": None, "function": {"name": None, "arguments": ""}})
        return self._calls[-1]

    @property
    def calls(self) -> list[Json]:
        return self._calls


def calls_in(message: JsonObject) -> object:
    """The tool calls of a message or delta, also in the format's older form of a single function."""
    calls, function = message.get("tool_calls"), message.get("function_call")
    return [{"index": 0, "function": function}] if not calls and isinstance(function, dict) else calls
