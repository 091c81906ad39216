"""A model-based test of access: random operations in one tenant, and a record of who may read which document.

Every document contains words that occur nowhere else. Every reply to every key is searched for such words, and each
match must belong to a document that the key may read at that moment.
"""

import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
from fastapi import FastAPI

from app.cli.common import caller_at_the_command_line
from app.core.jobs import Worker
from app.identity.domain import Principal
from app.ingestion.domain.access_groups import common_access_groups, widens_access
from app.wiring import State
from tests.access.mails import message_about
from tests.access.reads import readable_paths
from tests.access.repeating_model import WORD
from tests.access.sharing import (
    GROUPS,
    KEYS,
    MAILS,
    MANAGERS,
    PERSON,
    PLACES,
    TABLES,
    Attached,
    Document,
    Groups,
    Leak,
    Sharing,
    address,
)
from tests.identity.issuer import Issuer
from tests.mcp.conftest import headers_of, message

Json = dict[str, Any]

ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
LAMP = "# The harbour lamp\n\nThe harbour lamp is lit at dusk by the keeper."
LAMP_QUESTION = "When is the harbour lamp lit?"
ACTIONS = ["look_up_ticket", "add_ticket_note"]
DECISIONS = ("approve", "approve", "approve", "reject", "edit", "request_changes", "escalate")


@dataclass
class World(Sharing):
    state: State
    app: FastAPI
    tenant: UUID
    chance: random.Random
    clients: dict[str, httpx.AsyncClient]
    issuer: Issuer
    tokens: list[str] = field(default_factory=list)
    groups: dict[str, list[str]] = field(default_factory=lambda: {name: list(held) for name, (_, held) in KEYS.items()})
    documents: dict[UUID, Document] = field(default_factory=dict)
    by_place: dict[str, UUID] = field(default_factory=dict)
    ids: dict[str, list[str]] = field(default_factory=dict)
    sent: list[tuple[str, str, Json, str]] = field(default_factory=list)
    sent_by: set[tuple[str, str]] = field(default_factory=set)
    matched_paths: set[str] = field(default_factory=set)
    rules: dict[str, Groups] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    async def call(self, key: str, method: str, path: str, **request: Any) -> httpx.Response:
        """Send a request and search the reply for words."""
        reply = await self.clients[key].request(method, path, **request)
        self.log.append(
            f"{key}: {method} {path} {request.get('json') or request.get('data') or ''} {reply.status_code}"
        )
        refused = b'"isError":true' in reply.content  # of a tool
        self.search(key, path, reply.content, reply.is_success and not refused)
        assert reply.status_code < 500, (self.log[-1], reply.text)
        return reply

    async def act_on(self, key: str, path: str, verb: str = "", **request: Any) -> httpx.Response:
        """Read a resource, then act on it. Raises Leak when the action reveals a resource that the key cannot read."""
        read = await self.call(key, "GET", path)
        reply = await self.call(key, "POST" if verb else "DELETE", path + verb, **request)
        if read.status_code == 404 and reply.status_code not in (403, 404):
            raise Leak("An action revealed a resource that its key cannot read:\n" + "\n".join(self.log[-25:]))
        return reply

    def search(self, key: str, path: str, content: bytes, success: bool = True) -> None:
        text = content.decode(errors="replace")
        # The audit log names the objects of operations; a refusal repeats the id of its request.
        for match in set(ID.findall(text)) if success and path != "/v1/audit" else ():
            document = self.documents.get(UUID(match))
            if document and document.uploader != key and not document.readable_by(self.groups[key]):
                raise Leak(f"{path} showed {key} the id {match} of {document}\n{text[:1500]}")
        for word in set(WORD.findall(text)):
            owner = next((each for each in self.documents.values() if word in each.words), None)
            if owner is None or not owner.readable_by(self.groups[key]):
                last = "\n".join(self.log[-25:])
                raise Leak(f"{path} showed {key} the word {word} of {owner}\n{text[:1500]}\n{last}")
            self.matched_paths.add(re.sub(r"[0-9a-f-]{36}|(?<=/)\d+", "*", path.partition("?")[0]))

    def pick(self, *names: str) -> str:
        return self.chance.choice(names or tuple(KEYS))

    # Operations

    async def upload(self) -> None:
        """Upload a new document or a new version of one; some go to quarantine."""
        key, place, groups = self.pick(*MANAGERS), self.chance.choice(PLACES), self.chance.choice([None, *GROUPS])
        word = f"zq{self.chance.getrandbits(40):010x}"
        sentence = f"The code of {place} is {word}. It was {self.chance.getrandbits(64)} before."
        content = f"# Notes on {place} {word}\n\n{sentence}"
        if place in TABLES:
            content = f"place,code {word}\n{place},{sentence}"
        damage, words = b" caf\xe9" if self.chance.random() < 0.25 else b"", [word]
        data = content.encode() + damage
        if place in MAILS:
            words += [f"zq{self.chance.getrandbits(40):010x}" for _ in range(3)]
            data = message_about(place, words, damage)
        form: Json = {"metadata": orjson.dumps({"remark": word}).decode()}
        form |= {} if groups is None else {"access_groups": ",".join(groups)}
        document = self.documents.get(self.by_place[place]) if place in self.by_place else None
        # A new document follows the list of its source, unless its upload names groups.
        if document is None or groups is not None:
            groups = groups or self.rules.get(address(place), self.rules.get("*", ()))
        # Recorded first, because a reply may contain the words at once.
        owner = document or Document(groups or (), groups or ())
        owner.words += words
        self.documents.setdefault(self.by_place.get(place) or uuid4(), owner)
        before = Document(owner.readers, owner.requested, owner.words)
        requested = owner.requested if groups is None else groups
        owner.readers, owner.requested = tuple(common_access_groups(owner.readers, requested)), requested
        files = {"files": (address(place), data)}
        reply = await self.clients[key].post("/v1/documents", files=files, data=form)
        self.log.append(f"{key}: upload {place} {groups} {word} {reply.status_code}")
        own_groups = self.groups[key]
        widens = widens_access(requested, before.requested) or widens_access(requested, before.readers)
        # An upload without groups keeps those of the newest version.
        if document is not None and groups is not None and widens and not before.readable_by(own_groups):
            owner.readers, owner.requested = before.readers, before.requested
            if reply.json().get("code") != "readers_not_yours":
                raise Leak(f"{key} widened the access of {place} from {before} to {requested}: {reply.text}")
            return
        assert reply.status_code == 202, reply.text
        owner.uploader = key
        [item] = reply.json()["items"]
        if document is None:
            self.documents = {k: d for k, d in self.documents.items() if d is not owner}
            self.by_place[place] = UUID(item["id"])
            self.documents[self.by_place[place]] = owner
            self.note("document_id", item["id"])
        self.search(key, "/v1/documents", reply.content)

    async def work(self) -> None:
        """Run every job, and record the access groups of the versions that were published."""
        await Worker(self.state.database, self.state.jobs, concurrency=1).run(wait=False)
        caller = caller_at_the_command_line(self.tenant)
        for row in await self.state.ingestion.newest_versions(caller, list(self.documents)):
            document = self.documents[row.document_id]
            if row.status == "published":
                document.readers = document.requested
                document.published_by = document.uploader
        await self.find_attached(caller)
        rows = await self.state.ingestion.list_quarantine(caller, reason=None, undecided=False, after=None, limit=200)
        for entry in rows:
            self.note("entry", str(entry.id))

    async def find_attached(self, caller: Principal) -> None:
        """Record the documents that came with messages, by the ids of those that are there."""
        for each in await self.state.ingestion.list(caller, status=None, source="upload", after=None, limit=200):
            place = each.uri.partition(".eml#")[0]
            if place not in MAILS or place not in self.by_place:
                continue
            message = self.documents[self.by_place[place]]
            self.documents.setdefault(each.id, Attached(message)).uploader = message.published_by
            self.note("document_id", str(each.id))

    async def change(self) -> None:
        """Upload, and run the jobs of the upload."""
        await self.upload()
        await self.work()

    async def delete(self) -> None:
        if not self.by_place:
            return
        key, place = self.pick(*MANAGERS), self.chance.choice(list(self.by_place))
        reply = await self.act_on(key, f"/v1/documents/{self.by_place[place]}")
        if reply.status_code == 204:
            self.documents[self.by_place.pop(place)].deleted = True

    async def ask(self) -> None:
        """Ask a question on either route: streamed or not, with or without a model, actions and an Idempotency-Key."""
        place = self.chance.choice(list(self.by_place) or PLACES)
        # Mostly with a key that may read the document, since only content that is found can leak.
        key = self.pick(*self.readers(place))
        second = f" and {self.chance.choice(PLACES)}" if self.chance.random() < 0.5 else ""
        question = f"What is the code of {place}{second}?"
        model = self.chance.choice(["extractive", "stand-in"])
        acts = ACTIONS if model == "stand-in" and self.chance.random() < 0.5 else []
        route = "/v1/answers"
        body: Json = {"question": question, "model": model, "actions": acts, "sentences": self.chance.choice([1, 3])}
        if self.chance.random() < 0.3:
            messages = [{"role": "user", "content": question}]
            tools = [{"type": "function", "function": {"name": name}} for name in acts]
            route = "/v1/chat/completions"
            body = {"model": model, "messages": messages, **({"tools": tools} if tools else {})}
        elif self.chance.random() < 0.5:
            body["conversation"] = f"talk-of-{key.replace(' ', '-')}"
            self.note("conversation_id", body["conversation"])
        elif self.chance.random() < 0.3:
            route, body = "/v1/responses", {"model": model, "input": question}
        if self.chance.random() < 0.25:
            body["stream"] = True
        idempotency_key = f"k{self.chance.getrandbits(32)}"
        self.sent.append((key, route, body, idempotency_key))
        await self._ask(key, route, body, idempotency_key)

    def readers(self, place: str, others: float = 0.2) -> list[str]:
        """The keys that may read the document of `place`; with the probability `others`, none."""
        document = self.documents.get(self.by_place[place]) if place in self.by_place else None
        if document is None or self.chance.random() < others:
            return []
        return [name for name, groups in self.groups.items() if document.readable_by(groups)]

    async def consult(self) -> None:
        """Copy a document to a ticket by an action, then ask a question that is answered from the ticket."""
        place = self.chance.choice(list(self.by_place) or PLACES)
        names, first = self.readers(place, 0), f"What is the code of {place}?"
        for question, actions in ((first, ACTIONS), (LAMP_QUESTION, ACTIONS[:1])):
            body = {"question": question, "model": "stand-in", "actions": actions}
            await self._ask(self.pick(*names), "/v1/answers", body, f"k{self.chance.getrandbits(32)}")
            await self.work()

    async def repeat(self) -> None:
        """Send an earlier request again with its Idempotency-Key, with the same or another API key."""
        if self.sent:
            key, route, body, idempotency_key = self.chance.choice(self.sent)
            await self._ask(self.chance.choice([key, self.pick()]), route, body, idempotency_key)

    async def _ask(self, key: str, route: str, body: Json, idempotency_key: str) -> None:
        reply = await self.call(key, "POST", route, json=body, headers={"Idempotency-Key": idempotency_key})
        if reply.headers.get("idempotency-replayed") and (key, idempotency_key) not in self.sent_by:
            raise Leak(f"{key} received the stored reply of another key: {self.log[-1]}")
        self.sent_by.add((key, idempotency_key))
        for kind, value in re.findall(r'"where":"/v1/(answers|actions)/([0-9a-f-]{36})"', reply.text):
            self.note("answer_id" if kind == "answers" else "action_id", value)
        for value in re.findall(r'"id":"([0-9a-f-]{36})","created_at"', reply.text):
            self.note("answer_id", value)
            self.note("response_id", f"resp_{UUID(value).hex}")

    async def move(self) -> None:
        """Put the person into other groups. From the first use of the new token on, one of before gives no more."""
        self.groups[PERSON] = list(self.chance.choice(GROUPS))
        self.issue()
        await self.call(PERSON, "GET", "/v1/caller")
        if self.chance.random() < 0.5:
            self.tokens.append(self.chance.choice(self.tokens))
        await self.call(PERSON, "GET", "/v1/documents")

    def issue(self) -> None:
        groups = ["answers-users", *(f"dept-{group}" for group in self.groups[PERSON])]
        moment = self.issuer.now + len(self.tokens) / 1000
        self.tokens.append(self.issuer.token(tenant=str(self.tenant), groups=groups, iat=moment, exp=moment + 3600))

    async def search_passages(self) -> None:
        place = self.chance.choice(PLACES)
        await self.call(self.pick(), "POST", "/v1/search", json={"query": f"code of {place}"})

    async def use_tools(self) -> None:
        """Search, read, ask and look up over MCP, with any key."""
        place = self.chance.choice(PLACES)
        read = self.chance.sample([*self.documents], min(2, len(self.documents)))
        calls: list[tuple[str, Json]] = [
            ("search", {"query": f"code of {place}"}),
            ("answer", {"question": f"What is the code of {place}?", "idempotency_key": f"k{place}"}),
            ("look_up_ticket", {"ticket": "T-1"}),
            *(("read_document", {"document_id": str(each)}) for each in read),
        ]
        for tool, arguments in calls:
            body = message("tools/call", name=tool, arguments=arguments)
            headers = headers_of(body) | {"host": "localhost"}
            reply = await self.call(self.pick(), "POST", "/mcp", json=body, headers=headers)
            for value in re.findall(r'"where":"/v1/answers/([0-9a-f-]{36})"', reply.text):
                self.note("answer_id", value)

    async def replay(self) -> None:
        """Replay answers. The model may refuse the first time and answer from other documents in the replay."""
        key, answer_ids = self.pick(*MANAGERS), self.ids.get("answer_id", [])
        for answer_id in self.chance.sample(answer_ids, min(4, len(answer_ids))):
            await self.act_on(key, f"/v1/answers/{answer_id}", "/replay")

    async def rate(self) -> None:
        """Rate an answer, also with keys that may not read it."""
        if answer_ids := self.ids.get("answer_id"):
            await self.act_on(
                self.pick(), f"/v1/answers/{self.chance.choice(answer_ids)}", "/feedback", json={"helpful": True}
            )

    async def review(self) -> None:
        """Claim a review item, listed or known by its id, and decide on it with a reason that quotes it."""
        key = self.pick("admin", "admin of hr", "reviewer", "reviewer of all")
        listed = (await self.call(key, "GET", "/v1/reviews")).json().get("items", [])
        review_ids = [*self.ids.get("review_id", ()), *(item["id"] for item in listed)]
        for item in listed:
            self.note("review_id", item["id"])
        if not review_ids:
            return
        review_id = self.chance.choice([item["id"] for item in listed] or review_ids)
        if self.chance.random() < 0.3:
            review_id = self.chance.choice(review_ids)
        path = f"/v1/reviews/{review_id}"
        claim = await self.act_on(key, path, "/claim")
        item = claim.json() if claim.is_success else {"token": 1, "version": 1, "sha256": "0" * 64}
        await self.act_on(key, path, "/heartbeat", json={"token": item["token"]})
        reason = " ".join(["It says", *WORD.findall(claim.text)])[:1000]
        decision: Json = {"decision": self.chance.choice(DECISIONS), "reason": reason}
        if decision["decision"] == "edit":
            decision["text"] = f"{reason}, and no more."
        body = {**decision, "token": item["token"], "version": item["version"], "sha256": item["sha256"]}
        await self.act_on(key, path, "/decide", json=body)
        await self.candidates(self.pick(key, "reviewer of all"))

    async def decide_quarantine(self) -> None:
        """Release or discard an entry of the quarantine, with a note that quotes it where the key may read it."""
        if entries := self.ids.get("entry"):
            key, path = self.pick(*MANAGERS), f"/v1/quarantine/{self.chance.choice(entries)}"
            original = await self.call(key, "GET", f"{path}/original")
            note = " ".join(["It says", *WORD.findall(original.text)])
            await self.act_on(key, path, self.chance.choice(["/release", "/release", "/discard"]), json={"note": note})

    # Reads

    def note(self, name: str, value: str) -> None:
        values = self.ids.setdefault(name, [])
        if value not in values:
            values.append(value)

    async def read_all(self, key: str) -> None:
        """Read every route, and the command that lists corrections of reviewers, with this key."""
        replies = {
            path: await self.call(key, "GET", path)
            for path in dict.fromkeys(readable_paths(self.app.openapi(), self.ids))
        }
        for path, reply in replies.items():
            for match in ID.findall(reply.text) if reply.is_success else ():
                item = replies.get(f"{path.partition('?')[0]}/{match}")
                if item is not None and item.status_code == 404 and not self.hides_texts(path, reply, match):
                    raise Leak(f"{path} lists {match} for {key}, which cannot read it: {reply.text[:1500]}")
        await self.candidates(key)

    def hides_texts(self, path: str, reply: httpx.Response, listed: str) -> bool:
        """Operators see figures of every answer of their tenant, and the texts of those alone that they may read."""
        if path.partition("?")[0] != "/v1/answers":
            return False
        items = [item for item in reply.json()["items"] if listed == item["id"]]
        return all(item["question"] is None and item["text"] is None for item in items)

    async def candidates(self, key: str) -> None:
        """Search the output of `app evals candidates` with the groups of this key."""
        caller = caller_at_the_command_line(self.tenant, self.groups[key])
        corrected = await self.state.reviews.golden_suite.candidates(caller)
        self.search(key, "evals candidates", b"".join(each.item.payload for each in corrected))

    async def simulate(self, steps: int) -> None:
        """Run `steps` operations in a random order, and then every read."""
        weighted: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (4, self.change),
            (2, self.upload),
            (1, self.work),
            (5, self.ask),
            (4, self.consult),
            (3, self.repeat),
            (1, self.search_passages),
            (2, self.use_tools),
            (2, self.move),
            (1, self.delete),
            (2, self.share),
            (2, self.share_source),
            (3, self.replay),
            (1, self.rate),
            (4, self.review),
            (1, self.decide_quarantine),
        ]
        weights, operations = zip(*weighted, strict=True)
        for operation in (self.change, self.change, self.ask, self.ask, self.review):
            await operation()
        for _ in range(steps):
            [operation] = self.chance.choices(operations, weights)
            await operation()
        await self.work()
        await self.state.monitoring.data_health.check(self.tenant)
        for key in (self.pick("admin", "reviewer"), self.pick()):
            await self.read_all(key)
        await self.candidates("reviewer of all")
