"""Who may read which document, as the access test expects it, and the operations that change it without an upload."""

import random
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx

from app.ingestion.domain.access_groups import widens_access

Groups = tuple[str, ...]

GROUPS: Sequence[Groups] = ((), ("hr",), ("lab",), ("hr", "lab"))
PLACES = ("Alder", "Birch", "Cedar", "Damson", "Elm", "Fir", "Gorse", "Hazel")
TABLES = ("Fir",)
"""Places whose documents are tables, with a word in the name of a column."""
MAILS = ("Gorse", "Hazel")
"""Places whose documents are messages with attachments, one of which is a message too."""
KEYS: dict[str, tuple[list[str], list[str]]] = {
    "admin": (["admin"], []),
    "admin of hr": (["admin"], ["hr"]),
    "operator": (["operator"], ["hr", "lab"]),
    "operator of none": (["operator"], []),
    "reviewer": (["reviewer"], ["lab"]),
    "reviewer of all": (["reviewer"], ["hr", "lab"]),
    "user of hr": (["user"], ["hr"]),
    "user": (["user"], []),
    "person": (["user"], ["hr"]),
}
PERSON = "person"
"""Who comes with tokens of an identity provider, in which the groups change."""
MANAGERS = ("admin", "admin of hr", "operator", "operator of none")


def address(place: str) -> str:
    return f"{place}.csv" if place in TABLES else f"{place}.eml" if place in MAILS else f"{place}.md"


class Leak(AssertionError):
    """A reply contains words that its key may not read."""


@dataclass
class Document:
    """readers: the groups of the version that is served; requested: those of the newest version, once it is served.
    uploader: the key that uploaded the newest version; it may read the status of it. published_by: the one of the
    published version.
    """

    readers: Groups
    requested: Groups
    words: list[str] = field(default_factory=list)
    deleted: bool = False
    uploader: str = ""
    published_by: str = ""

    def readable_by(self, groups: Sequence[str]) -> bool:
        required = (self.readers, self.requested)
        return not self.deleted and all(not each or set(each) & set(groups) for each in required)


class Attached(Document):
    """A document that came with a message: it can be read by those who may read the message."""

    def __init__(self, message: Document) -> None:
        super().__init__(message.readers, message.requested)
        self.message = message

    def readable_by(self, groups: Sequence[str]) -> bool:
        return self.message.readable_by(groups)


class Sharing:
    """The operations of the world that share documents."""

    chance: random.Random
    groups: dict[str, list[str]]
    documents: dict[UUID, Document]
    by_place: dict[str, UUID]
    rules: dict[str, Groups]
    log: list[str]

    @abstractmethod
    async def call(self, key: str, method: str, path: str, **request: Any) -> httpx.Response: ...

    @abstractmethod
    def pick(self, *names: str) -> str: ...

    @abstractmethod
    def readers(self, place: str, others: float = 0.2) -> list[str]: ...

    async def share(self) -> None:
        """Set who may read a document, without uploading it again."""
        if not self.by_place:
            return
        place, groups = self.chance.choice(list(self.by_place)), self.chance.choice(GROUPS)
        key = self.pick(*({*self.readers(place)} & {*MANAGERS}))
        path = f"/v1/documents/{self.by_place[place]}"
        read = await self.call(key, "GET", path)
        reply = await self.call(key, "PUT", f"{path}/access", json={"access_groups": list(groups)})
        if read.status_code == 404 and reply.status_code not in (403, 404):
            raise Leak(f"{key} shared a document that it cannot read: {self.log[-1]}")
        if reply.is_success:
            self.follow({place: groups}, key)

    async def share_source(self) -> None:
        """Replace the access list of the source: grants and revocations of several documents at once."""
        chosen = self.chance.sample(PLACES, self.chance.randint(0, 3))
        rules = {address(place): self.chance.choice(GROUPS) for place in chosen}
        if self.chance.random() < 0.3:
            rules["*"] = self.chance.choice(GROUPS)
        key = self.pick(*MANAGERS)
        body = {"source": "upload", "rules": [{"uri": uri, "access_groups": list(g)} for uri, g in rules.items()]}
        reply = await self.call(key, "PUT", "/v1/sources/access", json=body)
        if not reply.is_success:
            assert reply.json()["code"] == "readers_not_yours", reply.text
            return
        self.rules = rules
        named = {place: rules.get(address(place), rules.get("*")) for place in self.by_place}
        self.follow({place: groups for place, groups in named.items() if groups is not None}, key)

    def follow(self, groups_by_place: dict[str, Groups], key: str) -> None:
        """Record that documents have other readers now, in whatever version."""
        for place, groups in groups_by_place.items():
            document = self.documents[self.by_place[place]]
            widens = widens_access(groups, document.requested) or widens_access(groups, document.readers)
            if widens and not document.readable_by(self.groups[key]):
                raise Leak(f"{key} widened the access of {place} from {document} to {groups}")
            document.readers = document.requested = groups
