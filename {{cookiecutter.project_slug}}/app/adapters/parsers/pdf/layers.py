"""Layers of a PDF (optional content) that are off when it is opened."""

from collections.abc import Iterable
from typing import Any

from pypdf import PdfReader
from pypdf.errors import PyPdfError
from pypdf.generic import ArrayObject, DictionaryObject


class Layers:
    """off: the object numbers of the groups that are off. all_but: whether `off` lists those that are on instead."""

    def __init__(self, reader: PdfReader) -> None:
        self._listed: frozenset[int] = frozenset()
        self._base_off = False
        self._unviewed = False
        try:
            self._read(reader)
        except (PyPdfError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return

    def _read(self, reader: PdfReader) -> None:
        root: Any = reader.root_object
        content = root.get("/OCProperties")
        if content is None:
            return
        default = content.get_object()["/D"].get_object()
        self._base_off = default.get("/BaseState") == "/OFF"
        groups = default.get("/ON" if self._base_off else "/OFF", ArrayObject()).get_object()
        self._listed = frozenset(_number(group) for group in groups)
        events = (event.get_object() for event in default.get("/AS", ArrayObject()).get_object())
        self._unviewed = any(event.get("/Event") == "/View" for event in events)

    def hides(self, content: Any) -> bool:
        """Whether a group, or a membership of groups, is not shown."""
        content = content.get_object()
        if not isinstance(content, DictionaryObject):
            return False
        if content.get("/Type") != "/OCMD":
            return self._is_off(content)
        groups = content.get("/OCGs")
        listed = groups.get_object() if groups is not None else ()
        off = [self._is_off(each) for each in (listed if isinstance(listed, ArrayObject) else [listed]) if each]
        return bool(off) and not _shown(str(content.get("/P", "/AnyOn")), off)

    def _is_off(self, group: Any) -> bool:
        if self._unviewed:
            view = group.get_object().get("/Usage", DictionaryObject()).get_object().get("/View")
            if view is not None:
                return bool(view.get_object().get("/ViewState") == "/OFF")
        return (_number(group) in self._listed) != self._base_off


def _shown(policy: str, off: Iterable[bool]) -> bool:
    if policy == "/AllOn":
        return not any(off)
    if policy == "/AnyOff":
        return any(off)
    return all(off) if policy == "/AllOff" else not all(off)


def _number(group: Any) -> int:
    reference: Any = group if hasattr(group, "idnum") else group.get_object().indirect_reference
    return int(getattr(reference, "idnum", -1))
