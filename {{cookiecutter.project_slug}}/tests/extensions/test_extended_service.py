"""What a team adds in its own places works in the built service: the handbook's page, file by file."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import httpx
import psycopg
import pytest

from benchmarks.processes import free_port
from tests.extensions.extended_service import PLACES, ExtendedService, Serving, examples

pytestmark = [pytest.mark.long, pytest.mark.in_order]
KEY = re.compile(r"sk_[a-z0-9]{12}_[a-z2-7]{32}")
ASKED = 'Please request a callback at +4930123456 about "the lens".'


@dataclass
class Extended:
    service: ExtendedService
    serving: Serving
    migrated: str
    checked: str
    stranger: str

    @cached_property
    def reviewer(self) -> str:
        with self.serving.client() as client:
            made = client.post("/v1/keys", json={"name": "reviewer", "roles": ["reviewer"]})
        return str(made.json()["key"])


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Extended]:
    service = ExtendedService.make(tmp_path_factory.mktemp("extended"))
    service.extend()
    service.write("policies/extensions/cost.yaml", "prices:\n  stand-in: {local: true}\n")
    with service.forking():
        migrated, checked = service.must("migrate"), service.must("migrate", "--check")
        stranger = KEY.findall(service.must("keys", "create", "test", "--tenant", "neighbour", "--role", "user"))[0]
        model = free_port()
        standin = subprocess.Popen([service.python, "-m", "app.adapters.chat.standin", "--port", str(model)])
        chain = json.dumps([{"model": "stand-in", "base_url": f"http://127.0.0.1:{model}/v1"}])
        try:
            serving = service.start(APP_MODEL_CHAIN=chain)
            yield Extended(service, serving, migrated, checked, stranger)
            serving.stop()
        finally:
            standin.terminate()
            standin.wait()


def eventually(client: httpx.Client, path: str, field: str, value: str) -> dict[str, object]:
    for _ in range(600):
        found: dict[str, object] = client.get(path).json()
        if found.get(field) == value:
            return found
        time.sleep(0.1)
    raise AssertionError(found)


def test_every_place_of_a_team_has_an_example() -> None:
    assert {path.rsplit("/", 1)[0] for path in examples()} == set(PLACES)


def test_the_migration_runs_after_the_templates(extended: Extended) -> None:
    assert re.search(r"→ \d{4} with x0001\.", extended.migrated)
    assert "can be undone" in extended.checked


def test_an_action_is_proposed_by_a_model_held_by_a_rule_and_runs_once_approved(extended: Extended) -> None:
    with extended.serving.client() as client:
        asked = client.post("/v1/answers", json={"question": ASKED, "actions": ["request_callback"]}).json()
        [action] = asked["actions"]
        assert action["state"] == "waiting"
        path = f"/v1/actions/{action['id']}"
        assert client.get("/v1/extensions/callbacks").json() == []
        with extended.serving.client(extended.reviewer) as other:
            for _ in range(600):
                if items := other.get("/v1/reviews").json()["items"]:
                    break
                time.sleep(0.1)
            [item] = items
            assert item["rule"] == "callbacks-are-confirmed"
            claimed = other.post(f"/v1/reviews/{item['id']}/claim").json()
            decision = {"decision": "approve", "reason": "seen"} | {
                name: claimed[name] for name in ("token", "version", "sha256")
            }
            assert other.post(f"/v1/reviews/{item['id']}/decide", json=decision).status_code == 200
        eventually(client, path, "state", "done")
        assert client.get("/v1/extensions/callbacks").json() == [{"phone": "+4930123456", "topic": "the lens"}]


def test_a_route_asks_for_a_key_its_permission_and_shows_no_other_tenants_rows(extended: Extended) -> None:
    path = "/v1/extensions/callbacks"
    assert httpx.get(extended.serving.base + path).status_code == 401
    with extended.serving.client(extended.reviewer) as client:
        refused = client.get(path)
        assert (refused.status_code, refused.json()["code"]) == (403, "permission_missing")
    with extended.serving.client(extended.stranger) as client:
        assert client.get(path).json() == []
        described = client.get("/openapi.json").json()
    assert described["paths"][path]["get"]["tags"] == ["extensions"]


def test_a_format_is_parsed_and_cited_and_a_broken_file_of_it_goes_to_quarantine(extended: Extended) -> None:
    with extended.serving.client() as client:
        ini = b"[harbour]\npilot = The pilot of the harbour is called Runa Holm.\n"
        good, bad, other = [
            client.post("/v1/documents", files=[("files", file)], data={"source": "settings"}).json()["items"][0]["id"]
            for file in (
                ("harbour.ini", ini),
                ("broken.ini", b"no section here"),
                ("notes.txt", b"Plain text of a note."),
            )
        ]
        eventually(client, f"/v1/documents/{good}", "status", "published")
        for held in (bad, other):
            eventually(client, f"/v1/documents/{held}", "status", "quarantined")
        found = client.post("/v1/search", json={"query": "pilot of the harbour"}).json()["passages"][0]
        assert "Runa Holm" in found["text"]
        assert found["headings"] == ["harbour"]


def test_a_release_pins_the_prompt_and_the_merged_policies(extended: Extended) -> None:
    with extended.serving.client() as client:
        newest = client.get("/v1/releases").json()["items"][0]["id"]
        shown = client.get(f"/v1/releases/{newest}").json()
    texts = {
        name: shown["parts"][digest]
        for kind in ("prompts", "policies")
        for name, digest in shown["manifest"][kind].items()
    }
    assert "crew of a lighthouse" in texts["answer"]
    assert "request_callback" in texts["actions"]
    assert "close_ticket" not in texts["actions"]
    assert texts["review"].index("callbacks-are-confirmed") < texts["review"].index("cannot-be-undone")


def test_a_scorer_is_part_of_the_report(extended: Extended) -> None:
    done = extended.service.app("evaluate", "--out", str(extended.service.folder / "report"))
    assert done.returncode in (0, 1, 2), done.stderr
    reports = [path.read_text() for path in (extended.service.folder / "report").rglob("*") if path.is_file()]
    assert any("brevity" in text for text in reports), done.stdout


def test_a_command_is_one_of_app(extended: Extended) -> None:
    assert "extensions" in extended.service.must("--help")
    assert extended.service.must("extensions", "hello") == "Hello from the lighthouse.\n"


def test_an_erasure_of_a_person_reaches_the_table(extended: Extended) -> None:
    """Asked for after the action above has run."""
    with extended.serving.client() as client:
        assert client.get("/v1/extensions/callbacks").json() != []
        extended.service.must("privacy", "erase", "--subject", "+4930123456", "--reason", "asked for it")
        assert client.get("/v1/extensions/callbacks").json() == []


def test_a_second_migration_keeps_the_data(extended: Extended) -> None:
    """The last test here: it changes the schema under the running service, as a rollout would."""
    service, folder = extended.service, extended.service.folder
    written = folder / service.must("migrate", "--new", "Add an urgency").split()[1].rstrip(".")
    assert written.name.endswith("_x0002_add_an_urgency.py")
    text = written.read_text()
    assert 'down_revision = "x0001"' in text
    urls = _owner_url(service.data)
    with psycopg.connect(urls) as owner:
        owner.execute("insert into callbacks values (gen_random_uuid(), gen_random_uuid(), '+4940', 'old', '{}')")
    added = 'op.execute("alter table callbacks add column urgency integer not null default 3")'
    written.write_text(
        text.replace('op.execute("select 1")', added, 1).replace(
            'op.execute("select 1")', 'op.execute("alter table callbacks drop column urgency")'
        )
    )
    assert re.search(r"with x0001 → \d{4} with x0002\.", service.must("migrate"))
    with psycopg.connect(urls) as owner:
        assert owner.execute("select topic, urgency from callbacks").fetchall() == [("old", 3)]


def _owner_url(data: Path) -> str:
    from app.core.embedded import start_embedded

    return start_embedded(data).urls().owner
