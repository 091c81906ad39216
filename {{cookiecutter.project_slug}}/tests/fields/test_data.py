"""Each rule of policies/data.yaml, written under `defaults` and taken back for one source, decides on a document."""

import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from app.ingestion.domain.policy import SourceRules
from app.wiring import State
from benchmarks.harness import work_off
from tests.fields.conftest import Changed, called

DEFAULTS: dict[str, Any] = {
    "types": ["markdown", "text", "html", "csv"],
    "required_metadata": ["author"],
    "access_groups": ["staff"],
    "max_file_bytes": 50_000,
    "max_characters": 30_000,
    "max_chunks": 50,
    "min_distinct_share": 0.5,
    "max_lost_share": 0.2,
    "min_words": 5,
    "languages": ["en"],
    "not_utf8": "flag",
    "control_characters": "flag",
    "formula_cells": "flag",
    "boilerplate": "flag",
    "duplicates": {"exact": "quarantine", "near": "flag", "near_threshold": 0.6},
    "freshness": {"max_age_days": 30, "action": "exclude"},
}
"""Each is another value than that of a service that nobody has changed."""

ENGLISH = "The lamp is lit at dusk by the keeper of the tower and is put out again in the morning. "
GERMAN = "Die Lampe wird in der Dämmerung vom Wärter des Turms angezündet und am Morgen wieder gelöscht. " * 3


VOCABULARY = [
    "about",
    "above",
    "after",
    "again",
    "among",
    "around",
    "because",
    "before",
    "behind",
    "below",
    "between",
    "bridge",
    "build",
    "carry",
    "castle",
    "children",
    "church",
    "clear",
    "close",
    "cold",
    "could",
    "country",
    "doctor",
    "doing",
    "early",
    "earth",
    "every",
    "family",
    "farmer",
    "father",
    "field",
    "figure",
    "final",
    "finger",
    "first",
    "follow",
    "forest",
    "friend",
    "garden",
    "ground",
    "harbour",
    "having",
    "heavy",
    "herself",
    "history",
    "house",
    "hundred",
    "island",
    "keeper",
    "kitchen",
    "ladder",
    "large",
    "laugh",
    "learn",
    "letter",
    "little",
    "market",
    "meadow",
    "measure",
    "minute",
    "money",
    "morning",
    "mother",
    "mountain",
    "music",
    "never",
    "night",
    "north",
]


def words(count: int) -> str:
    return " ".join(random.Random(uuid4().int).choices(VOCABULARY, k=count))


def lossy() -> str:
    """A tenth of the words stands in fields of one name, of which readers keep the last."""
    return "name,note\n" + "\n".join(f'{row},"The {words(1)}"is {words(9)}' for row in range(150))


def commented() -> str:
    return f"<html><body><p>{ENGLISH}{words(30)}</p><!-- {'-' * 60_000} --></body></html>"


@dataclass(frozen=True)
class Rule:
    """files: contents of one upload after the other. found: what is said of the last by the rule of `defaults`.

    unchanged: the same, in a source that takes this rule back to what a service has that nobody has changed.
    """

    field: str
    files: Any
    found: str
    unchanged: str
    name: str = "note.md"
    metadata: Any = ("author",)


def one(make: Any) -> Any:
    return lambda: [make()]


def same_twice() -> list[str]:
    return [ENGLISH + words(30)] * 2


def alike() -> list[str]:
    """Four fifths of the runs are the same."""
    start = words(200)
    return [f"{start} {words(15)}", f"{start} {words(15)}"]


OLD = ("author", "date")
RULES = [
    Rule("types", one(lambda: json.dumps({"a": ENGLISH + words(9)})), "type_not_allowed", "published", "note.jsonl"),
    Rule("required_metadata", one(lambda: ENGLISH + words(9)), "missing_metadata", "published", metadata=()),
    Rule("access_groups", one(lambda: ENGLISH + words(9)), "published for staff", "published"),
    Rule("max_file_bytes", one(commented), "file_too_large", "published", "note.html"),
    Rule("max_characters", one(lambda: words(5_500)), "too_long", "published"),
    Rule(
        "max_chunks",
        one(lambda: "\n\n".join(f"# {words(1)}\n\n{words(9)}" for _ in range(60))),
        "too_many_chunks",
        "published",
    ),
    Rule("min_distinct_share", one(lambda: words(300) + ENGLISH * 260), "repetitive", "published"),
    Rule("max_lost_share", one(lossy), "published", "lost_words", "glued.csv"),
    Rule("min_words", one(lambda: words(3)), "too_short", "published"),
    Rule("languages", one(lambda: GERMAN + uuid4().hex), "language", "published"),
    Rule("not_utf8", one(lambda: (ENGLISH + words(9)).encode("utf-16")), "published", "encoding_not_utf8", "note.txt"),
    Rule("control_characters", one(lambda: f"{ENGLISH}\0{words(9)}"), "published", "nul_bytes", "note.txt"),
    Rule(
        "formula_cells", one(lambda: f'name,note\n{ENGLISH}{words(9)},"=1+1"\n'), "published", "formula_cells", "f.csv"
    ),
    Rule(
        "boilerplate",
        one(lambda: f"Sign in\nAccept all cookies\nSkip to content\nNewsletter\nPrivacy policy\n{ENGLISH}{words(2)}\n"),
        "published",
        "boilerplate",
        "note.txt",
    ),
    Rule("duplicates.exact", same_twice, "exact_duplicate", "published"),
    Rule("duplicates.near", alike, "published: near_duplicate", "near_duplicate"),
    Rule("duplicates.near_threshold", alike, "published: near_duplicate", "published"),
    Rule("freshness.max_age_days", one(lambda: ENGLISH + words(9)), "stale", "published", metadata=OLD),
    Rule("freshness.action", one(lambda: ENGLISH + words(9)), "stale", "published: stale", metadata=OLD),
]
FIELDS = [rule.field for rule in RULES]


def unchanged(field: str) -> dict[str, Any]:
    """The rule as a service has it that nobody has changed."""
    block, _, name = field.rpartition(".")
    plain = SourceRules().model_dump(mode="json")
    value = (plain[block] if block else plain)[name]
    return {block: {name: value}} if block else {name: value}


@pytest_asyncio.fixture(scope="module")
async def state(changed: Changed) -> AsyncIterator[State]:
    sources = {f"own {field}": unchanged(field) for field in FIELDS} | {"plain": {}}
    async with changed(data={"unknown_sources": "quarantine", "defaults": DEFAULTS, "sources": sources}) as built:
        yield built


async def outcome(state: State, rule: Rule, source: str) -> str:
    given = {"author": "ada", "date": "2001-01-01"}
    metadata = json.dumps({name: given[name] for name in rule.metadata})
    async with called(state, groups=("staff",)) as client:
        for content in rule.files():
            data = content if isinstance(content, bytes) else content.encode()
            form = {"source": source, "metadata": metadata, "uri": uuid4().hex}
            sent = (await client.post("/v1/documents", files={"files": (rule.name, data)}, data=form)).json()
            if "items" not in sent:
                return str(sent["code"])
            await work_off(state)
            found = (await client.get(f"/v1/documents/{sent['items'][0]['id']}")).json()
    if found["quarantine"]:
        return str(found["quarantine"]["reason"])
    noted = [each["rule"] for each in found["findings"] if each["rule"] in ("stale", "near_duplicate")]
    groups = "".join(f" for {group}" for group in found["access_groups"] if rule.field == "access_groups")
    return ": ".join([found["status"] + groups, *noted])


@pytest.mark.parametrize("rule", RULES, ids=FIELDS)
async def test_a_rule_of_the_defaults_decides(state: State, rule: Rule) -> None:
    assert await outcome(state, rule, "plain") == rule.found


@pytest.mark.parametrize("rule", RULES, ids=FIELDS)
async def test_a_source_has_its_own_rule(state: State, rule: Rule) -> None:
    assert await outcome(state, rule, f"own {rule.field}") == rule.unchanged


async def test_a_source_that_is_not_listed_waits_for_a_person(state: State) -> None:
    rule = Rule("", one(lambda: ENGLISH + words(9)), "", "")
    assert await outcome(state, rule, "nobody-knows-it") == "unknown_source"
    assert await outcome(state, rule, "plain") == "published"
