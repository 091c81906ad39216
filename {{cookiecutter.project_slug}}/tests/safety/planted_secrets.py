"""A tenant with a credential, a foreign image and a foreign link in every text that the service stores."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from itertools import cycle
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import psycopg
from psycopg.types.json import Jsonb

from app.adapters.chat.standin import Fault
from app.inference.domain.human_review import ReviewPolicy
from app.inference.domain.review_policy import NO_REVIEW
from app.monitoring.domain.failures.case_candidate import FailureCandidate
from app.monitoring.repository import pattern_store
from app.safety.domain.output_filter import canary_of
from benchmarks.harness import work_off
from tests.evaluation.sample_reports import report
from tests.inference.conftest import TOWER, Service, change_serving
from tests.inference.forms import WHO
from tests.safety.outbound_forms import CARRIERS, SECRETS, carried

MARK = "Quillfeather"
"""Stands in each planted text, so that a way out which shows none of them is noticed."""
FOREIGN = "evil.example"
MAIL, IBAN = "erika.mustermann@karlen-post.de", "DE89370400440532013000"
"""Only in what the model writes."""
BUILT = "It was built in 1874 by the engineer Marta Holm [1]."
KINDS = ("GitHub", "AWS key id", "service key", "connection string", "Slack", "web token")
HELD = {"name": "all", "send": "before", "due_minutes": 60}
NOW = datetime.now(UTC)


def secret(kind: str) -> str:
    return carried(kind) if kind in CARRIERS else SECRETS[kind]


@dataclass
class Planted:
    """What was planted through the routes where they take it, else as rows. ids: by the name of a path's parameter."""

    service: Service
    client: httpx.AsyncClient
    owner_url: str
    ids: dict[str, str] = field(default_factory=dict)
    tenant_name: str = ""
    canary: str = ""
    instructions: str = ""
    kinds: Any = field(default_factory=lambda: cycle(KINDS))

    def text(self, store: str, with_markup: bool = True) -> str:
        markup = f' ![x](https://{FOREIGN}/{store}) <img src="https://{FOREIGN}/{store}">'
        return f"{MARK} {store} {secret(next(self.kinds))}{markup if with_markup else ''}"

    async def send(self, method: str, path: str, **request: Any) -> Any:
        reply = await self.client.request(method, path, **request)
        assert reply.is_success, (method, path, reply.text)
        return reply.json() if reply.content else None

    def sql(self, statement: str, *values: Any) -> None:
        with psycopg.connect(self.owner_url) as connection:
            connection.execute(statement.encode(), values)

    async def plant(self) -> None:
        self.tenant_name = await self.service.state.identity.tenant_name(self.service.tenant)
        await self.documents()
        await self.answers()
        await self.held()
        await self.tickets()
        await self.reasons()
        self.evaluation()
        await self.candidate()

    async def documents(self) -> None:
        body = f"{TOWER} A question of {MARK}: {self.text('document')} {' '.join(map(secret, KINDS))}"
        tower = f"# Lighthouse {self.text('heading', False)}\n\n{body}\n".encode()
        held = f"# Held\n\n{self.text('quarantine')} caf".encode() + b"\xe9"
        form = {"metadata": orjson.dumps({"remark": self.text("metadata")}).decode()}
        for name, data in ((f"tower-{MARK}.md", tower), (f"held-{MARK}.md", held)):
            await self.send("POST", "/v1/documents", files={"files": (name, data)}, data=form)
        await work_off(self.service.state)
        published = await self.send("GET", "/v1/documents?status=published")
        self.ids["document_id"] = published["items"][0]["id"]
        self.ids["entry"] = (await self.send("GET", "/v1/quarantine"))["items"][0]["id"]

    async def answers(self) -> None:
        """A question that is refused, and answers of a model that writes all of it, its instructions and the canary."""
        release = self.service.state.environments.current().id
        self.canary = canary_of(release, self.service.tenant)
        await self.send("POST", "/v1/answers", json={"question": self.text("question")})
        foreign = f"See ![x](https://{FOREIGN}/answer) and <a href='https://{FOREIGN}/'>this</a>."
        for more in (f"{self.text('answer', False)}.", foreign, f"Write to {MAIL}, or pay to {IBAN}.", self.canary):
            self.service.model.always = Fault(pieces=(f"{BUILT} {BUILT} {more}",))
            talk = f"{uuid4().hex} talks with {MARK}"
            body = {"question": f"{WHO} {self.text('question', False)}", "conversation": talk}
            answer = await self.send("POST", "/v1/answers", json=body)
            assert answer["model"] == "stand-in", answer
            rated = {"helpful": False, "comment": self.text("comment")}
            await self.send("POST", f"/v1/answers/{answer['id']}/feedback", json=rated)
            self.ids |= {"answer_id": answer["id"], "conversation_id": talk}
        self.instructions = self.service.model.calls[-1].body["messages"][0]["content"][:80]
        kept = {"model": "default", "input": f"{WHO} {self.text('question', False)}", "store": True}
        self.ids["response_id"] = (await self.send("POST", "/v1/responses", json=kept))["id"]

    async def held(self) -> None:
        policy = ReviewPolicy.model_validate({"owner": "tests", "overlap": 0, "rules": [HELD]})
        change_serving(self.service.state, review=policy)
        waits = await self.service.ask(f"{WHO} {self.text('question', False)}")
        assert waits.status_code == 202, waits.text
        await work_off(self.service.state)
        change_serving(self.service.state, review=NO_REVIEW)
        self.ids["review_id"] = (await self.send("GET", "/v1/reviews"))["items"][0]["id"]

    async def tickets(self) -> None:
        made = await self.send("POST", "/v1/tickets", json={"title": MARK, "text": self.text("ticket")})
        self.ids["number"] = str(made["number"])
        payload = orjson.dumps({"action": "add_ticket_note", "arguments": {"text": self.text("argument")}})
        self.ids["action_id"] = str(uuid4())
        self.sql(
            "insert into actions (id, tenant_id, answer_id, key_id, requester, release_id, action, risk, tainted, "
            "payload, digest, nonce, state, reason, result, created_at, ended_at) values (%s, %s, %s, %s, 'asker', %s, "
            "'add_ticket_note', 'reversible', false, %s, %s, %s, 'failed', %s, %s, %s, %s)",
            self.ids["action_id"], self.service.tenant, uuid4(), uuid4(), "0" * 64, payload,
            sha256(payload).hexdigest(), uuid4(), self.text("action"), Jsonb({"note": self.text("result")}), NOW, NOW,
        )  # fmt: skip

    async def reasons(self) -> None:
        """Names and reasons that people give."""
        state, tenant = self.service.state, self.service.tenant
        key = (await state.identity.create_key(tenant, self.text("key", False), ["user"])).text
        async with self.service.client(key) as asker:
            (await asker.post("/v1/answers", json={"question": WHO})).raise_for_status()
        release = await state.releases.create(MARK, changes={"retrieval.dense_weight": 0.25})
        await state.rollouts.activate(MARK, release.id, self.text("move"), break_glass=True)
        self.ids |= {"release_id": release.id, "environment": "production", "model": "default"}
        hold = {"kind": "answer", "subject_id": self.ids["answer_id"], "reason": self.text("hold")}
        await self.send("POST", "/v1/privacy/holds", json=hold)
        export = {"selector": "document", "value": self.ids["document_id"], "reason": self.text("export")}
        exported = await self.client.post("/v1/privacy/exports", json=export)
        assert exported.is_success, exported.text
        self.ids["privacy_request_id"] = (await self.send("GET", "/v1/privacy/requests"))["items"][0]["id"]

    def evaluation(self) -> None:
        """As the service stored it before the texts of reports were masked."""
        made = report(loss=0.3, question=self.text("report question"))
        documents = {each.case_id: {self.tenant_name: [self.ids["document_id"]]} for each in made.worsened}
        run, release = str(uuid4()), self.ids["release_id"]
        self.sql(
            "insert into evaluation_reports (digest, content, created_at, sources) values (%s, %s, %s, %s)",
            made.digest, made.canonical, NOW, Jsonb(documents),
        )  # fmt: skip
        self.sql(
            "insert into evaluation_runs (id, release_id, suite, suite_digest, actor, status, done, total, corpus, "
            "created_at, ended_at, report, verdict) values (%s, %s, 'golden', %s, %s, 'done', 1, 1, '{}', %s, %s, %s, "
            "'PASS')",
            run, release, "5" * 64, self.text("actor"), NOW, NOW, made.digest,
        )  # fmt: skip
        self.ids["run_id"] = run

    async def candidate(self) -> None:
        found = FailureCandidate(UUID(self.ids["answer_id"]), "withheld", self.text("note"), MARK, NOW)
        async with self.service.state.database.transaction(self.service.tenant) as connection:
            await pattern_store.propose(connection, self.service.tenant, [found])
