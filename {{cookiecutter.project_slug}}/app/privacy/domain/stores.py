"""What a store is: a table, which of its columns hold content, and how that is erased."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Form = Literal["text", "json", "bytes", "list", "opaque"]
"""How a column holds text. bytes: UTF-8. opaque: nothing that a search for words would find, such as vectors."""
Erasing = Literal["change", "delete", "apart", "kept"]
"""change: content is replaced, and the row stays. delete: the row goes. apart: by code of its own, which `note` names.
kept: the table holds no content of a tenant."""


@dataclass(frozen=True, slots=True)
class Content:
    """Text of users, or made from it. to: the SQL expression that replaces it; None where the row is deleted."""

    form: Form = "text"
    to: str | None = "''"


@dataclass(frozen=True, slots=True)
class Person:
    """The name of who acted. It is replaced by a pseudonym when that person or key is erased; the row stays."""

    form: Literal["text", "list"] = "text"


@dataclass(frozen=True, slots=True)
class Kept:
    """What stays. why: in a few words, for the list of stores."""

    why: str


Column = Content | Person | Kept


STATE = Kept("one of a fixed set of words")
NAMED_BY_POLICY = Kept("a name from a policy or a setting")


@dataclass(frozen=True, slots=True)
class Store:
    """A table. columns: every one of text, JSON, bytes, lists of text and vectors; the others hold ids, times and
    numbers. linked: the SQL condition for rows that belong to the ids of a request (`ErasureScope`). also: further
    assignments of a change. key: identifies a row.
    """

    table: str
    erasing: Erasing
    columns: Mapping[str, Column]
    linked: str = "false"
    also: str = ""
    key: str = "id"
    note: str = ""
    shared: bool = False

    def __str__(self) -> str:
        return self.table

    @property
    def contents(self) -> dict[str, Content]:
        return {name: each for name, each in self.columns.items() if isinstance(each, Content)}

    @property
    def replaced(self) -> dict[str, str]:
        """What stands in place of readable content once it is erased: the same however often it is."""
        readable = {name: each.to for name, each in self.contents.items() if each.form != "opaque"}
        return {name: to for name, to in readable.items() if to is not None and "random" not in to}

    @property
    def people(self) -> dict[str, Person]:
        return {name: each for name, each in self.columns.items() if isinstance(each, Person)}

    @property
    def assignments(self) -> str:
        """The SET clause of a change."""
        cleared = [f"{name} = {each.to}" for name, each in self.contents.items() if each.to is not None]
        return ", ".join([*cleared, *([self.also] if self.also else [])])


@dataclass(frozen=True, slots=True)
class FileStore:
    """A store outside of the database."""

    name: str
    how: str


@dataclass(slots=True)
class Catalogue:
    """Everything that is stored. The order is that of erasing: what refers to a row comes before it."""

    stores: tuple[Store, ...]
    files: tuple[FileStore, ...] = field(default=())

    def add(self, stores: Iterable[Store]) -> None:
        """The team's own tables, which refer to those that are there. One that is there already is left out."""
        new = [each for each in stores if each not in self.stores]
        if twice := sorted(each.table for each in new if each.table in self.by_table):
            raise ValueError(f"the table {twice[0]} is one of the template's")
        self.stores = (*new, *self.stores)

    @property
    def by_table(self) -> Mapping[str, Store]:
        return {store.table: store for store in self.stores}

    @property
    def searched(self) -> list[Store]:
        """The stores whose rows all belong to a tenant."""
        return [each for each in self.stores if each.erasing != "kept" and not each.shared]

    def store(self, table: str) -> Store:
        return self.by_table[table]
