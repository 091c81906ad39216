"""The migration that gives releases a life, on a database with what the first services stored before it."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest

from app.core.embedded import Urls
from app.core.schema import migrate
from app.inference.domain.replay import AnswerConditions
from tests.conftest import ROOT
from tests.core.test_grants import BareServer, server_at

WHEN = datetime(2026, 1, 1, tzinfo=UTC)
TENANT, ANSWER, CHUNK = uuid4(), uuid4(), uuid4()
CITED = {"marker": 1, "chunk_id": str(CHUNK)}


def release(owner: psycopg.Connection, number: int) -> str:
    manifest = json.dumps({"number": number})
    name = hashlib.sha256(manifest.encode()).hexdigest()
    owner.execute("insert into releases values (%s, %s, %s, %s)", [name, number, manifest, WHEN])
    return name


@pytest.fixture
def first(database_urls: Urls) -> Iterator[BareServer]:
    """A database of the revision before: two releases that were live one after the other, a draft, and an answer."""
    with server_at(database_urls, "0007") as server:
        with psycopg.connect(server.url(server.owner)) as owner:
            old, live, _ = (release(owner, number) for number in (1, 2, 3))
            owner.execute("insert into environments values ('production', %s, %s)", [live, WHEN])
            for name in (old, live):
                move = "insert into environment_moves (environment, release_id, at, actor, reason) values "
                owner.execute(move + "('production', %s, %s, 'app', 'started')", [name, WHEN])
            owner.execute("select set_config('app.tenant_id', %s, true)", [str(TENANT)])
            body = json.dumps({"citations": [CITED, {**CITED, "marker": 2}], "timings_ms": {}, "findings": []})
            owner.execute(
                "insert into answers (id, tenant_id, created_at, question, status, model, release_id, corpus_version, "
                "trace_id, body) values (%s, %s, %s, 'Who?', 'answered', 'extractive', %s, 1, 'trace', %s)",
                [ANSWER, TENANT, WHEN, live, body],
            )
        yield server


def test_releases_and_answers_of_before_go_on_with_what_is_known_of_them(first: BareServer) -> None:
    migrate(first.url(first.owner), first.url(first.service), ROOT)
    with psycopg.connect(first.url()) as admin:
        states = admin.execute(
            "select r.number, array_agg(e.after order by e.sequence) from releases r join release_events e "
            "on e.release_id = r.id group by 1 order by 1"
        ).fetchall()
        kinds = admin.execute("select distinct kind from environment_moves").fetchall()
        [answer] = admin.execute("select environment, arm, unit, conditions, documents from answers").fetchall()
    assert states == [
        (1, ["draft", "approved", "live", "superseded"]),
        (2, ["draft", "approved", "live"]),
        (3, ["draft"]),
    ]
    assert kinds == [("activate",)]
    environment, arm, unit, conditions, documents = answer
    assert (environment, arm, unit) == ("production", "live", str(TENANT))
    assert AnswerConditions.read(conditions).evidence == ((CHUNK, 0.0),)
    assert documents == [UUID(int=0)]  # of a passage that is gone: closed to everybody
