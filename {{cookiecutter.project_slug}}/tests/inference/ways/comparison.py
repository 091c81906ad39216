"""What has to agree: a reply with what is stored, one way out with the others, and a repetition with the first."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tests.inference.ways.doors import DOORS, PAIRS, UNKNOWN, Door, Json, Pair, Seen
from tests.inference.ways.outcomes import Outcome
from tests.inference.ways.stage import Stage, Traces

OWN = {"id", "created_at", "due_at", "where", "timings_ms", "trace_id"}
"""What every answer has of its own."""
RENAMED = {"max_output_tokens": "max_tokens"}
"""Fields that have another name in one of the formats."""
OF_A_REQUEST = {"request_id", "instance"}
ALIKE = timedelta(seconds=5)
"""Times to wait are drawn, so that not all callers come back at once."""


def agree(what: str, one: Any, other: Any) -> None:
    """Errors: AssertionError, which shows where they differ."""
    if one == other:
        return
    if isinstance(one, dict) and isinstance(other, dict):
        for name in one.keys() | other.keys():
            agree(f"{what}: {name}", one.get(name), other.get(name))
    raise AssertionError(f"{what}: {one!r} is not {other!r}")


async def check(stage: Stage, outcome: Outcome, key: str) -> dict[str, Traces]:
    """Plays the outcome through every door, and compares. key: of no other request. Errors: AssertionError."""
    played: dict[str, Traces] = {}
    for door in DOORS:
        sent = f"{key}-{door.name}" if outcome.keyed else None
        played[door.name] = traces = await stage.play(door, outcome, sent)
        check_alone(door, traces)
    for pair in PAIRS:
        compare(outcome, *(played[door.name] for door in pair.doors), same_path=True)
        if outcome.keyed:
            for door in pair.doors:
                await check_repetition(stage, outcome, pair, door, played[door.name], f"{key}-{door.name}")
    first, *others = [[played[door.name] for door in pair.doors] for pair in PAIRS]
    for other in others:
        for one, same in zip(first, other, strict=True):
            compare(outcome, one, same)
    return played


def kind_of(traces: Traces) -> str:
    """What became of a question, as one word or two."""
    if traces.seen.problem is not None:
        return f"problem {traces.seen.problem['code']}"
    body = traces.seen.body or {}
    if body["status"] == "held":
        return "held"
    if body["refusal"]:
        return f"refused {body['refusal']}"
    return "degraded" if body["degraded"] else "answered"


def check_alone(door: Door, traces: Traces) -> None:
    """A reply agrees with itself, with what is stored of it, and with what was charged for it."""
    seen = traces.seen
    door.check(seen)
    assert (seen.body is None) != (seen.problem is None)
    agree("stored answers", traces.answers, int(seen.body is not None))
    if seen.problem is not None:
        if seen.problem["code"] == "stream_ended":
            agree("whether a broken stream is charged", bool(traces.ledger), True)
        agree("status of a problem", seen.problem["status"] if not seen.pieces else 200, seen.status)
        return
    body = seen.body or {}
    check_text(seen, body, traces)
    agree("answers that were charged", traces.subjects | {UUID(body["id"])}, {UUID(body["id"])})
    agree("traces", traces.trace_ids, {body["trace_id"]})
    check_stored(seen, body, traces)


def check_text(seen: Seen, body: Json, traces: Traces) -> None:
    if seen.held:
        assert seen.status == (200 if seen.pieces or "event-stream" in seen.headers["content-type"] else 202)
        assert "Marta" not in seen.raw
        return
    assert seen.status == 200
    # A refusal after a part of a text stands in a paragraph of its own.
    if not (body["refusal"] and seen.text.endswith(f"\n\n{body['text']}")):
        agree("text", seen.text, body["text"])
    agree("cost", sum(row[6] for row in traces.ledger), body["cost_micro_usd"])


def check_stored(seen: Seen, body: Json, traces: Traces) -> None:
    assert traces.stored is not None
    status, stored = traces.stored
    assert status == (202 if seen.held else 200)
    for own in ("question", "review"):
        stored.pop(own, None)
    if seen.held:
        body = dict(body)
        for name in ("created_at", "due_at"):
            agree(name, datetime.fromisoformat(stored.pop(name)), datetime.fromisoformat(body.pop(name)))
    agree("stored answer", stored, body)


def compare(outcome: Outcome, one: Traces, other: Traces, same_path: bool = False) -> None:
    """Two ways out of the same outcome. same_path: the same path, once plain and once streamed."""
    if outcome.breaks and same_path and (one.seen.problem is None) != (other.seen.problem is None):
        assert (other.seen.problem or {}).get("code") == "stream_ended", "only a stream cannot be taken back"
        return
    if outcome.fails_in_a_stream and (one.seen.problem is None) != (other.seen.problem is None):
        return  # Whether text came before the error depends on what arrives together.
    agree("problems", *_problems(one.seen, other.seen))
    if one.seen.problem is not None:
        compare_waits(one.seen, other.seen)
        if not outcome.breaks:
            agree("status", one.seen.status, other.seen.status)
    if (outcome.loses_usage or outcome.exceeds_its_limit) and same_path:
        # A stream has used tokens where it breaks; a whole reply is an error at once.
        return
    first, second = _without_own(one.seen, same_path), _without_own(other.seen, same_path)
    agree("answers", first, second)
    agree("ledger", one.ledger, other.ledger)
    agree("metrics", one.counts, other.counts)
    agree("spans", dict(enumerate(one.spans)), dict(enumerate(other.spans)))


def compare_waits(one: Seen, other: Seen) -> None:
    """Retry-After: as long for both, or until the same time, such as midnight."""
    waits = [timedelta(seconds=int(each.headers.get("retry-after", -1))) for each in (one, other)]
    apart = one.came - other.came
    assert min(abs(waits[0] - waits[1]), abs(apart + waits[0] - waits[1])) <= ALIKE, f"Retry-After: {waits}, {apart}"


def _without_own(seen: Seen, same_path: bool) -> Json:
    body = {name: value for name, value in (seen.body or {}).items() if name not in OWN}
    if body:
        warnings = [each for each in body.get("warnings", ()) if same_path or each["name"] != UNKNOWN]
        body["warnings"] = [{**each, "name": RENAMED.get(each["name"], each["name"])} for each in warnings]
    if "actions" in body:
        body["actions"] = [{**each, "id": "", "where": ""} for each in body["actions"]]
    return body


def _problems(*seen: Seen) -> list[Json | None]:
    """The problems, of which a stream of the Responses API has only some members."""
    whole = [each.problem for each in seen]
    shown = set.intersection(*(set(each) for each in whole if each)) if any(whole) else set()
    return [each and {name: each[name] for name in shown - OF_A_REQUEST - {"error"}} for each in whole]


async def check_repetition(stage: Stage, outcome: Outcome, pair: Pair, door: Door, first: Traces, key: str) -> None:
    """The same request with its key again, in its own form and in the other one of its path, has the first reply."""
    for again in (door, pair.other(door)):
        traces = await stage.play(again, outcome, key)
        again.check(traces.seen)
        if first.seen.body is None:
            if not outcome.breaks:
                agree("repeated problem", *_problems(traces.seen, first.seen))
            continue
        assert traces.seen.replayed
        agree("effect of a repetition", (traces.answers, traces.ledger), (0, ()))
        agree("metrics of a repetition", [name for name, _ in traces.counts if name.startswith("app_answer")], [])
        _same_reply(first.seen, traces.seen)


def _same_reply(first: Seen, again: Seen) -> None:
    agree("repeated answer", again.body, first.body)
    agree("repeated ending", (again.finish, again.usage), (first.finish, first.usage))
    agree("repeated head", set(again.heads), set(first.heads))
    if not first.held:
        assert again.text == (first.body or {})["text"]
