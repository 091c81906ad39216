"""A tenant in which everything happens in a random order, and an account of who may read which text at each moment.

Every document holds words that stand nowhere else. Whatever any route says to any key is searched for such words, and
each one found must be of a document that the key may read at that moment.
"""

import random
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
from fastapi import FastAPI

from app.cli.common import caller_at_the_command_line
from app.core.jobs import Worker
from app.ingestion.domain.access_groups import common_access_groups, widens_access
from app.wiring import State

Json = dict[str, Any]
Groups = tuple[str, ...]

WORD = re.compile(r"zq[0-9a-f]{10}")
ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PASSAGE = re.compile(r"<passage n=\"(\d+)\"[^>]*>\n?(.+?)</passage>", re.DOTALL)
GROUPS: Sequence[Groups] = ((), ("hr",), ("lab",), ("hr", "lab"))
PLACES = ("Alder", "Birch", "Cedar", "Damson", "Elm", "Fir")
KEYS: dict[str, tuple[list[str], list[str]]] = {
    "admin": (["admin"], []),
    "admin of hr": (["admin"], ["hr"]),
    "operator": (["operator"], ["hr", "lab"]),
    "operator of none": (["operator"], []),
    "reviewer": (["reviewer"], ["lab"]),
    "reviewer of all": (["reviewer"], ["hr", "lab"]),
    "user of hr": (["user"], ["hr"]),
    "user": (["user"], []),
}
MANAGERS = ("admin", "admin of hr", "operator", "operator of none")
LAMP = "# The harbour lamp\n\nThe harbour lamp is lit at dusk by the keeper."
LAMP_QUESTION = "When is the harbour lamp lit?"
ACTIONS = ["look_up_ticket", "add_ticket_note"]
DECISIONS = ("approve", "approve", "approve", "reject", "edit", "request_changes", "escalate")
VARIANTS = {"/v1/quarantine": ["?waiting=false"], "/v1/reviews": ["?state=decided", "?state=expired"]}
# Routes about the service as a whole, whose ids this tenant has none of.
OF_THE_SERVICE = {"release_id", "run_id", "environment", "approval_id", "name", "prefix"}


class Leak(AssertionError):
    """A key was told words that it may not read."""


@dataclass
class Document:
    """readers: who may read what is served; wanted: who may once the newest version is served. by: the key that brought
    in the newest version, which learns how it fares.
    """

    readers: Groups
    wanted: Groups
    words: list[str] = field(default_factory=list)
    gone: bool = False
    by: str = ""

    def open_to(self, groups: Sequence[str]) -> bool:
        return not self.gone and all(not each or set(each) & set(groups) for each in (self.readers, self.wanted))


@dataclass
class Model:
    """It says all that it was shown, of which it cites little, or nothing at all; and acts with it where it may."""

    chance: random.Random

    def answer(self, request: Json) -> str | Json:
        shown = " ".join(message.get("content") or "" for message in request["messages"][1:])
        passages = [(n, " ".join(text.split())) for n, text in PASSAGE.findall(shown)]
        told = " ".join(m["content"] for m in request["messages"] if m["role"] == "tool")
        offered = [tool["function"]["name"] for tool in request.get("tools") or ()]
        if offered and not told:
            note = {"ticket": "T-1", "text": " ".join(text for _, text in passages)[:1500] or "Nothing."}
            asked = [("look_up_ticket", {"ticket": "T-1"}), ("add_ticket_note", note)]
            wanted = [(name, orjson.dumps(about).decode()) for name, about in asked if name in offered]
            calls = [{"name": name, "arguments": about} for name, about in wanted]
            named = [{"id": f"c{n}", "type": "function", "function": call} for n, call in enumerate(calls)]
            return {"content": None, "tool_calls": named}
        others = WORD.findall(told)[-3:] + WORD.findall(" ".join(text for _, text in passages[1:]))
        words = " ".join(list(dict.fromkeys(others))[:4])
        # In a sentence that another passage supports, so that what they came out of is cited nowhere.
        said = [text.replace(".", f" {words} [{n}].", 1) for n, text in passages[:1]] or [words]
        return "NO ANSWER" if not told and self.chance.random() < 0.3 else said[0] or "NO ANSWER"


@dataclass
class World:
    state: State
    app: FastAPI
    tenant: UUID
    chance: random.Random
    clients: dict[str, httpx.AsyncClient]
    documents: dict[UUID, Document] = field(default_factory=dict)
    at: dict[str, UUID] = field(default_factory=dict)
    known: dict[str, list[str]] = field(default_factory=dict)
    sent: list[tuple[str, str, Json, str]] = field(default_factory=list)
    sent_by: set[tuple[str, str]] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    told: list[str] = field(default_factory=list)

    async def call(self, key: str, method: str, path: str, **request: Any) -> httpx.Response:
        """A request, whose reply is searched for words."""
        reply = await self.clients[key].request(method, path, **request)
        self.told.append(
            f"{key}: {method} {path} {request.get('json') or request.get('data') or ''} {reply.status_code}"
        )
        self.search(key, path, reply.content, reply.is_success)
        assert reply.status_code < 500, (self.told[-1], reply.text)
        return reply

    async def act_on(self, key: str, path: str, verb: str = "", **request: Any) -> httpx.Response:
        """Nobody can do anything with what they are not shown, nor learn from the refusal that it exists."""
        shown = await self.call(key, "GET", path)
        reply = await self.call(key, "POST" if verb else "DELETE", path + verb, **request)
        if shown.status_code == 404 and reply.status_code not in (403, 404):
            raise Leak("Something was done to what is not shown:\n" + "\n".join(self.told[-25:]))
        return reply

    def search(self, key: str, path: str, content: bytes, shown: bool = True) -> None:
        text = content.decode(errors="replace")
        # The log of acts names what was acted on; a refusal names what was asked for.
        for found in set(ID.findall(text)) if shown and path != "/v1/audit" else ():
            document = self.documents.get(UUID(found))
            if document and document.by != key and not document.open_to(KEYS[key][1]):
                raise Leak(f"{key} was told of {found}, {document}, by {path}\n{text[:1500]}")
        for word in set(WORD.findall(text)):
            owner = next((each for each in self.documents.values() if word in each.words), None)
            if owner is None or not owner.open_to(KEYS[key][1]):
                last = "\n".join(self.told[-25:])
                raise Leak(f"{key} was told {word} of {owner} by {path}\n{text[:1500]}\n{last}")
            self.seen.add(re.sub(r"[0-9a-f-]{36}|(?<=/)\d+", "*", path.partition("?")[0]))

    def pick(self, *names: str) -> str:
        return self.chance.choice(names or tuple(KEYS))

    # What people do

    async def upload(self) -> None:
        """A new document, or a new version of one; sometimes one that is held back."""
        key, place, groups = self.pick(*MANAGERS), self.chance.choice(PLACES), self.chance.choice([None, *GROUPS])
        word = f"zq{self.chance.getrandbits(40):010x}"
        about = (
            f"# Notes on {place} {word}\n\nThe code of {place} is {word}. It was {self.chance.getrandbits(64)} before."
        )
        data = about.encode() + (b" caf\xe9" if self.chance.random() < 0.25 else b"")
        form: Json = {"metadata": orjson.dumps({"remark": word}).decode()}
        form |= {} if groups is None else {"access_groups": ",".join(groups)}
        document = self.documents.get(self.at[place]) if place in self.at else None
        # The words are the document's before anything may show them.
        owner = document or Document(groups or (), groups or ())
        owner.words.append(word)
        self.documents.setdefault(self.at.get(place) or uuid4(), owner)
        held = Document(owner.readers, owner.wanted, owner.words)
        wanted = owner.wanted if groups is None else groups
        owner.readers, owner.wanted = tuple(common_access_groups(owner.readers, wanted)), wanted
        files = {"files": (f"{place}.md", data)}
        reply = await self.clients[key].post("/v1/documents", files=files, data=form)
        self.told.append(f"{key}: upload {place} {groups} {word} {reply.status_code}")
        mine = KEYS[key][1]
        opens = widens_access(wanted, held.wanted) or widens_access(wanted, held.readers)
        # Without a word on readers they are those that the newest version was brought in for.
        if document is not None and groups is not None and opens and not held.open_to(mine):
            owner.readers, owner.wanted = held.readers, held.wanted
            if reply.json().get("code") != "readers_not_yours":
                raise Leak(f"{key} opened {place} from {held} to {wanted}: {reply.text}")
            return
        assert reply.status_code == 202, reply.text
        owner.by = key
        [item] = reply.json()["items"]
        if document is None:
            self.documents = {k: d for k, d in self.documents.items() if d is not owner}
            self.at[place] = UUID(item["id"])
            self.documents[self.at[place]] = owner
            self.note("document_id", item["id"])
        self.search(key, "/v1/documents", reply.content)

    async def work(self) -> None:
        """Every job there is; then what has been published is for those it was meant for."""
        await Worker(self.state.database, self.state.jobs, concurrency=1).run(wait=False)
        machine = caller_at_the_command_line(self.tenant)
        for row in await self.state.ingestion.newest_versions(machine, list(self.documents)):
            document = self.documents[row.document_id]
            if row.status == "published":
                document.readers = document.wanted
        rows = await self.state.ingestion.list_quarantine(machine, reason=None, undecided=False, after=None, limit=200)
        for entry in rows:
            self.note("entry", str(entry.id))

    async def change(self) -> None:
        """An upload that is through all gates before anything else happens."""
        await self.upload()
        await self.work()

    async def delete(self) -> None:
        if not self.at:
            return
        key, place = self.pick(*MANAGERS), self.chance.choice(list(self.at))
        reply = await self.act_on(key, f"/v1/documents/{self.at[place]}")
        if reply.status_code == 204:
            self.documents[self.at.pop(place)].gone = True

    async def ask(self) -> None:
        """By either of the two routes, at once or as a stream, with or without a model, actions and a key."""
        place = self.chance.choice(list(self.at) or PLACES)
        # Mostly by somebody who finds something: what nobody is told cannot leak.
        key = self.pick(*self.readers(place))
        also = f" and {self.chance.choice(PLACES)}" if self.chance.random() < 0.5 else ""
        question = f"What is the code of {place}{also}?"
        model = self.chance.choice(["extractive", "stand-in"])
        acts = ACTIONS if model == "stand-in" and self.chance.random() < 0.5 else []
        route = "/v1/answers"
        body: Json = {"question": question, "model": model, "actions": acts, "sentences": self.chance.choice([1, 3])}
        if self.chance.random() < 0.3:
            messages = [{"role": "user", "content": question}]
            tools = [{"type": "function", "function": {"name": name}} for name in acts]
            route = "/v1/chat/completions"
            body = {"model": model, "messages": messages, **({"tools": tools} if tools else {})}
        if self.chance.random() < 0.25:
            body["stream"] = True
        again = f"k{self.chance.getrandbits(32)}"
        self.sent.append((key, route, body, again))
        await self._ask(key, route, body, again)

    def readers(self, place: str, others: float = 0.2) -> list[str]:
        """Nobody in particular at times, whose share is `others`."""
        document = self.documents.get(self.at[place]) if place in self.at else None
        if document is None or self.chance.random() < others:
            return []
        return [name for name, (_, groups) in KEYS.items() if document.open_to(groups)]

    async def consult(self) -> None:
        """What a document says is noted on the ticket; then a question whose answer says nothing but what is noted."""
        place = self.chance.choice(list(self.at) or PLACES)
        names, noted = self.readers(place, 0), f"What is the code of {place}?"
        for question, actions in ((noted, ACTIONS), (LAMP_QUESTION, ACTIONS[:1])):
            body = {"question": question, "model": "stand-in", "actions": actions}
            await self._ask(self.pick(*names), "/v1/answers", body, f"k{self.chance.getrandbits(32)}")
            await self.work()

    async def repeat(self) -> None:
        """A request that was sent before, with its Idempotency-Key, by the same key or by another."""
        if self.sent:
            key, route, body, again = self.chance.choice(self.sent)
            await self._ask(self.chance.choice([key, self.pick()]), route, body, again)

    async def _ask(self, key: str, route: str, body: Json, again: str) -> None:
        reply = await self.call(key, "POST", route, json=body, headers={"Idempotency-Key": again})
        if reply.headers.get("idempotency-replayed") and (key, again) not in self.sent_by:
            raise Leak(f"{key} was given the stored reply of another key: {self.told[-1]}")
        self.sent_by.add((key, again))
        for found in re.findall(r'"where":"(/v1/(answers|actions)/([0-9a-f-]{36}))"', reply.text):
            self.note("answer_id" if found[1] == "answers" else "action_id", found[2])
        for found in re.findall(r'"id":"([0-9a-f-]{36})","created_at"', reply.text):
            self.note("answer_id", found)

    async def find(self) -> None:
        place = self.chance.choice(PLACES)
        await self.call(self.pick(), "POST", "/v1/search", json={"query": f"code of {place}"})

    async def replay(self) -> None:
        """A model that had nothing to say then may say now what nothing was quoted of."""
        key, known = self.pick(*MANAGERS), self.known.get("answer_id", [])
        for answer_id in self.chance.sample(known, min(4, len(known))):
            await self.act_on(key, f"/v1/answers/{answer_id}", "/replay")

    async def rate(self) -> None:
        """Who may not read an answer cannot rate it either."""
        if known := self.known.get("answer_id"):
            await self.act_on(
                self.pick(), f"/v1/answers/{self.chance.choice(known)}", "/feedback", json={"helpful": True}
            )

    async def review(self) -> None:
        """Claims what it sees, or knows of, and decides on it with reasons that quote it."""
        key = self.pick("admin", "admin of hr", "reviewer", "reviewer of all")
        listed = (await self.call(key, "GET", "/v1/reviews")).json().get("items", [])
        known = [*self.known.get("review_id", ()), *(item["id"] for item in listed)]
        for item in listed:
            self.note("review_id", item["id"])
        if not known:
            return
        wanted = self.chance.choice([item["id"] for item in listed] or known)
        if self.chance.random() < 0.3:
            wanted = self.chance.choice(known)
        path = f"/v1/reviews/{wanted}"
        mine = await self.act_on(key, path, "/claim")
        item = mine.json() if mine.is_success else {"token": 1, "version": 1, "sha256": "0" * 64}
        await self.act_on(key, path, "/heartbeat", json={"token": item["token"]})
        quoted = " ".join(["It says", *WORD.findall(mine.text)])[:1000]
        said: Json = {"decision": self.chance.choice(DECISIONS), "reason": quoted}
        if said["decision"] == "edit":
            said["text"] = f"{quoted}, and no more."
        body = {**said, "token": item["token"], "version": item["version"], "sha256": item["sha256"]}
        await self.act_on(key, path, "/decide", json=body)
        await self.candidates(self.pick(key, "reviewer of all"))

    async def settle(self) -> None:
        """Decides on what is in quarantine, where it is in sight, with a note that quotes it."""
        if known := self.known.get("entry"):
            key, path = self.pick(*MANAGERS), f"/v1/quarantine/{self.chance.choice(known)}"
            held = await self.call(key, "GET", f"{path}/original")
            note = " ".join(["It says", *WORD.findall(held.text)])
            await self.act_on(key, path, self.chance.choice(["/release", "/release", "/discard"]), json={"note": note})

    # Reading everything

    def note(self, name: str, value: str) -> None:
        values = self.known.setdefault(name, [])
        if value not in values:
            values.append(value)

    def paths(self) -> Iterator[str]:
        """Every address that can be read, with every id there is."""
        for path, methods in self.app.openapi()["paths"].items():
            if "get" in methods:
                yield from self._filled(path)

    def _filled(self, path: str) -> Iterator[str]:
        names = re.findall(r"{(\w+)(?::\w+)?}", path)
        if OF_THE_SERVICE & set(names) or path.startswith(("/docs", "/openapi", "/console", "/health")):
            return
        if not names:
            yield path
            yield from (path + query for query in VARIANTS.get(path, ()))
            return
        [name] = names
        for value in ["1"] if name == "number" else self.known.get(name, ()):
            yield re.sub(r"{.*}", value, path)
        if name != "number" and name not in self.taught:
            raise AssertionError(
                f"{path} takes a {name} that this test knows nothing of: teach it, or the route is not read"
            )

    taught = frozenset({"answer_id", "document_id", "entry", "review_id", "action_id"})

    async def read_all(self, key: str) -> None:
        """All that this key is told: by every route, and by the command that shows what reviewers corrected."""
        shown = {path: await self.call(key, "GET", path) for path in dict.fromkeys(self.paths())}
        for path, reply in shown.items():
            for found in ID.findall(reply.text) if reply.is_success else ():
                own = shown.get(f"{path.partition('?')[0]}/{found}")
                if own is not None and own.status_code == 404:
                    raise Leak(f"{key} is told of {found} by {path}, and not shown it: {reply.text[:1500]}")
        await self.candidates(key)

    async def candidates(self, key: str) -> None:
        """What `app evals candidates` shows with the groups of this key."""
        machine = caller_at_the_command_line(self.tenant, KEYS[key][1])
        corrected = await self.state.reviews.golden_suite.candidates(machine)
        self.search(key, "evals candidates", b"".join(each.item.payload for each in corrected))

    async def live(self, steps: int) -> None:
        """So many things in a random order; who looks sees only what is theirs to see."""
        happenings: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (4, self.change),
            (2, self.upload),
            (1, self.work),
            (5, self.ask),
            (4, self.consult),
            (3, self.repeat),
            (1, self.find),
            (1, self.delete),
            (3, self.replay),
            (1, self.rate),
            (4, self.review),
            (1, self.settle),
        ]
        weights, deeds = zip(*happenings, strict=True)
        for deed in (self.change, self.change, self.ask, self.ask, self.review):
            await deed()
        for _ in range(steps):
            [deed] = self.chance.choices(deeds, weights)
            await deed()
        await self.work()
        for key in (self.pick("admin", "reviewer"), self.pick()):
            await self.read_all(key)
        await self.candidates("reviewer of all")
