"""Fields of a DOCX: their results are text, their instructions are not."""

from dataclasses import dataclass, field
from typing import Any

from app.adapters.parsers.docx.names import at, is_on, tag, value, whole

_TYPE = tag("w:fldCharType")


@dataclass
class Fields:
    """Where the reading stands in the fields of a part. A field that is never closed is none."""

    root: Any
    _open: list[bool] = field(default_factory=list)
    _unclosed: set[Any] = field(default_factory=set)

    def __post_init__(self) -> None:
        begun: list[Any] = []
        for mark in self.root.iter(tag("w:fldChar")):
            if mark.get(_TYPE) == "begin":
                begun.append(mark)
            elif mark.get(_TYPE) == "end" and begun:
                begun.pop()
        self._unclosed = set(begun)

    @property
    def depth(self) -> int:
        return len(self._open)

    @property
    def in_instruction(self) -> bool:
        return any(self._open)

    def pass_mark(self, mark: Any) -> None:
        kind = mark.get(_TYPE)
        if kind == "begin" and mark not in self._unclosed:
            self._open.append(True)
        elif kind == "separate" and self._open:
            self._open[-1] = False
        elif kind == "end" and self._open:
            self._open.pop()


def form_value(mark: Any) -> str:
    """What the field of an old form shows that stands nowhere as text: the chosen entry, or a box with its tick."""
    entries = at(mark, "w:ffData", "w:ddList")
    if entries is not None:
        listed = [value(each) for each in entries.iterchildren(tag("w:listEntry"))]
        number = whole(value(at(entries, "w:result")) or value(at(entries, "w:default")), 0)
        return listed[number] if 0 <= number < len(listed) else ""
    box = at(mark, "w:ffData", "w:checkBox")
    if box is None:
        return ""
    checked = at(box, "w:checked")
    return "☒ " if is_on(checked if checked is not None else at(box, "w:default")) else "☐ "
