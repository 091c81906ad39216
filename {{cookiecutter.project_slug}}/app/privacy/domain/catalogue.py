"""Every table of the service: what it holds of a tenant's content, and how that is erased.

A test fails when a table or a column of text, JSON, bytes or vectors is not on this list.
"""

from app.privacy.domain.identity_stores import IDENTITIES
from app.privacy.domain.kept_tables import KEPT
from app.privacy.domain.monitored_tables import MONITORED
from app.privacy.domain.stores import NAMED_BY_POLICY, STATE, Catalogue, Content, FileStore, Kept, Person, Store

UNREADABLE = "array['00000000-0000-0000-0000-000000000000']::uuid[]"
"""The nil document, which nobody can read: whatever is derived from it is found by nobody (app.core.access)."""
EMPTY_DIGEST = "encode(sha256('{}'::bytea), 'hex')"
# What costs, canaries and unit costs count of an answer; nothing that was said.
FIGURES = """jsonb_build_object('text', '', 'citations', '[]'::jsonb, 'findings', '[]'::jsonb,
    'actions', '[]'::jsonb, 'degraded', body->'degraded', 'groundedness', body->'groundedness',
    'timings_ms', body->'timings_ms', 'cost_micro_usd', body->'cost_micro_usd')"""

DIGEST = Kept("SHA-256 of content that holds a random id, so that it cannot be guessed")
GROUPS = Kept("names of access groups")
KEY_ID = Kept("the id of a key")
GONE = Content(to=None)
OPAQUE = Content("opaque", None)

_OUTCOMES = "what came of an answer, by name and amount; ids of answers and keys"
_ANSWERS = "any (cast(:answers as uuid[]))"
_ACTIONS = "any (cast(:actions as uuid[]))"
_DOCUMENTS = "any (cast(:documents as uuid[]))"
_OF_DOCUMENTS = f"document_id = {_DOCUMENTS}"
_DERIVED = "documents && cast(:documents as uuid[])"

_OF_CONVERSATION = """conversation_id in (
    select c.id from conversations c where c.key_id = any (cast(:keys as uuid[]))
       or c.tenant_id || ':' || c.name = any (cast(:units as text[])))"""

_UNUSED_FILES = """
    sha256 in (select v.sha256 from document_versions v where v.document_id = any (cast(:documents as uuid[])))
    and not exists (
        select from document_versions v where v.tenant_id = blobs.tenant_id and v.sha256 = blobs.sha256
          and v.document_id <> all (cast(:documents as uuid[]))
          and v.status in ('received', 'processing', 'published', 'quarantined')
    )
"""

ANSWERS = (
    Store(
        "idempotency_keys",
        "delete",
        {"route": STATE, "key": GONE, "digest": OPAQUE, "body": Content("bytes", None)},
        linked=f"{_DERIVED} or key_id = any (cast(:keys as uuid[])) or exists (select from "
        "unnest(cast(:answers as uuid[]) || cast(:actions as uuid[])) id "
        "where position(convert_to(id::text, 'UTF8') in body) > 0)",
        key="key",
    ),
    Store("business_outcomes", "kept", {"outcome": NAMED_BY_POLICY}, key="answer_id", note=_OUTCOMES),
    Store(
        "online_evaluations",
        "kept",
        {"stratum": STATE, "decision": STATE, "reason": STATE},
        key="answer_id",
        note="scores of answers, as numbers",
    ),
    Store("conversation_turns", "delete", {}, linked=f"answer_id = {_ANSWERS} or {_OF_CONVERSATION}", key="answer_id"),
    Store(
        "conversations",
        "delete",
        {"name": GONE},
        linked="key_id = any (cast(:keys as uuid[])) or tenant_id || ':' || name = any (cast(:units as text[])) "
        "or not exists (select from conversation_turns t where t.tenant_id = conversations.tenant_id "
        "and t.conversation_id = conversations.id)",
        note="also one whose answers are all erased or too old",
    ),
    Store("feedback", "delete", {"comment": GONE}, linked=f"answer_id = {_ANSWERS}"),
    Store(
        "review_decisions",
        "apart",
        {
            "kind": STATE,
            "reviewer": Person(),
            "decision": STATE,
            "reason": Content(to="'erased'"),
            "digest": DIGEST,
            "idempotency_key": Content(to="id::text"),
            "request": Content("opaque", "''"),
            "result": Kept("state, outcome and digest of the item"),
        },
        linked=f"subject_id = {_ANSWERS} or subject_id = {_ACTIONS}",
        note="erase_review_decisions: the table is append-only for everybody else",
    ),
    Store(
        "review_items",
        "change",
        {
            "kind": STATE,
            "question": Content(),
            "rule": NAMED_BY_POLICY,
            "timing": STATE,
            "risk_tier": STATE,
            "payload": Content("bytes", "'{}'"),
            "digest": Content("opaque", EMPTY_DIGEST),
            "state": STATE,
            "outcome": STATE,
            "asker": Person(),
            "groups": GROUPS,
            "note": Content(),
            "lease_by": Content(to="null"),
            "seen_by": Person("list"),
            "original": Content("bytes", "null"),
        },
        linked=f"subject_id = {_ANSWERS} or subject_id = {_ACTIONS} or {_DERIVED}",
        also=f"lease_until = null, documents = {UNREADABLE}, outcome = coalesce(outcome, 'denied'), "
        "state = case when state = 'open' then 'expired' else state end, decided_at = coalesce(decided_at, now())",
    ),
    Store(
        "reviewed_answers",
        "change",
        {
            "rule": NAMED_BY_POLICY,
            "timing": STATE,
            "state": STATE,
            "risk_tier": STATE,
            "asker": Person(),
            "groups": GROUPS,
            "payload": Content("bytes", "'{}'"),
            "digest": Content("opaque", EMPTY_DIGEST),
            "webhook": Content(to="null"),
            "outcome": STATE,
            "reason": Content(to="case when reason is null then null else 'erased' end"),
        },
        linked=f"answer_id = {_ANSWERS}",
        also="state = case when state = 'held' then 'rejected' else state end, "
        "decided_at = case when state = 'held' then now() else decided_at end",
        key="answer_id",
    ),
    Store(
        "ticket_notes",
        "delete",
        {"author": Person(), "text": GONE},
        linked=f"action_id = {_ACTIONS} or {_DERIVED}",
    ),
    Store(
        "tickets",
        "change",
        {"title": Content(to="'erased'"), "text": Content(), "status": STATE, "created_by": Person()},
        linked="id = any (cast(:tickets as uuid[]))",
    ),
    Store(
        "actions",
        "change",
        {
            "requester": Person(),
            "release_id": DIGEST,
            "action": NAMED_BY_POLICY,
            "risk": STATE,
            "payload": Content("bytes", "'{}'"),
            "digest": Content("opaque", EMPTY_DIGEST),
            "state": STATE,
            "approved_digest": DIGEST,
            "approved_by": Person(),
            "reason": Content(),
            "result": Content("json", "null"),
            "terms": Content("json", "null"),
        },
        linked=f"id = {_ACTIONS} or answer_id = {_ANSWERS} or {_DERIVED}",
        also=f"documents = {UNREADABLE}, state = case when ended_at is null then 'expired' else state end, "
        "ended_at = coalesce(ended_at, now())",
    ),
    Store("action_runs", "kept", {"digest": DIGEST}, note="which nonce was used up: an action runs once"),
    Store(
        "answers",
        "change",
        {
            "question": Content(),
            "status": STATE,
            "model": NAMED_BY_POLICY,
            "release_id": DIGEST,
            "trace_id": Kept("a random id"),
            "request_id": Content(to="null"),
            "refusal": STATE,
            "body": Content("json", FIGURES),
            "environment": STATE,
            "arm": STATE,
            "unit": Content(to="tenant_id::text"),
            "conditions": Content("json", "'{}'"),
        },
        linked=f"id = {_ANSWERS} or {_DERIVED}",
        also=f"key_id = null, documents = {UNREADABLE}",
    ),
    # After `answers`: a worker that stores a vector holds the answer's row, and an erasure waits for it there.
    *MONITORED,
    Store(
        "answer_failures",
        "change",
        {
            "environment": STATE,
            "release_id": DIGEST,
            "arm": STATE,
            "unit": Content(to="tenant_id::text"),
            "code": STATE,
        },
        linked="unit = any (cast(:units as text[]))",
    ),
)

DOCUMENTS = (
    Store(
        "chunk_vectors",
        "delete",
        {"embedding": OPAQUE, "text_digest": OPAQUE, "access_groups": GROUPS},
        linked=_OF_DOCUMENTS,
        key="chunk_id",
    ),
    Store(
        "chunk_terms",
        "delete",
        {"weights": OPAQUE, "access_groups": GROUPS},
        linked=_OF_DOCUMENTS,
        key="chunk_id",
    ),
    Store(
        "chunks",
        "delete",
        {"headings": Content("list", None), "text": GONE},
        linked=_OF_DOCUMENTS,
    ),
    Store(
        "indexed_documents",
        "change",
        {
            "title": Content(),
            "source": NAMED_BY_POLICY,
            "uri": Content(to="'erased'"),
            "access_groups": GROUPS,
            "text": Content(),
            "headings": Content("json", "'[]'"),
            "flags": STATE,
        },
        linked=_OF_DOCUMENTS,
        also="withdrawn = true",
        key="document_id",
        note="Retrieval.withdraw first: the corpus version grows and the statistics are right",
    ),
    Store(
        "quarantine",
        "change",
        {
            "reason": STATE,
            "detail": Content(),
            "findings": Content("json", "'[]'"),
            "decision": STATE,
            "decided_by": KEY_ID,
            "note": Content(to="null"),
        },
        linked=_OF_DOCUMENTS,
        also="decision = coalesce(decision, 'deleted'), decided_at = coalesce(decided_at, now()), "
        "decided_by = coalesce(decided_by, 'erasure')",
    ),
    Store(
        "blobs",
        "delete",
        {"sha256": OPAQUE, "bytes": OPAQUE},
        linked=_UNUSED_FILES,
        key="encode(sha256, 'hex')",
        note="encrypted by a key of the tenant, which is destroyed with the tenant",
    ),
    Store(
        "source_access_rules",
        "change",
        {
            "source": NAMED_BY_POLICY,
            "uri": Content(to="'erased:' || gen_random_uuid()"),
            "access_groups": GROUPS,
            "set_by": Person(),
        },
        key="uri",
        note="the rule of an erased address names no document any more",
    ),
    Store("document_bands", "delete", {}, linked=_OF_DOCUMENTS, key="document_id"),
    Store(
        "document_versions",
        "change",
        {
            "source": NAMED_BY_POLICY,
            "name": Content(to="'erased'"),
            "sha256": Content("opaque", "sha256(uuid_send(gen_random_uuid()))"),
            "access_groups": GROUPS,
            "metadata": Content("json", "'{}'"),
            "status": STATE,
            "released": STATE,
            "copy_of": STATE,
            "kind": STATE,
            "title": Content(to="null"),
            "language": STATE,
            "findings": Content("json", "'[]'"),
            "columns": Content("list", "'{}'"),
            "received_by": KEY_ID,
        },
        linked=_OF_DOCUMENTS,
        also="status = 'deleted', signature = null, ended_at = coalesce(ended_at, now())",
        key="document_id",
    ),
    Store(
        "documents",
        "change",
        {
            "source": NAMED_BY_POLICY,
            "uri": Content(to="'erased:' || id"),
            "title": Content(to="'erased'"),
            "access_groups": GROUPS,
        },
        linked=f"id = {_DOCUMENTS}",
        also="deleted_at = coalesce(deleted_at, now()), live_version = null",
    ),
)

OTHERS = (
    Store(
        "evaluation_opinions",
        "delete",
        {"judge": NAMED_BY_POLICY, "subject": OPAQUE},
        key="subject",
        note="digests of answers that a judge read; they go with the tenant",
    ),
    Store(
        "evaluation_results",
        "delete",
        {"release_id": DIGEST, "case_digest": OPAQUE, "observed": Content("json", None)},
        linked="jsonb_exists_any(observed->'documents', cast(cast(:documents as uuid[]) as text[]))",
        key="case_digest",
    ),
    Store(
        "evaluation_reports",
        "apart",
        {"digest": DIGEST, "content": Content("bytes", ""), "sources": Kept("ids of documents, by case and tenant")},
        key="digest",
        note="the texts of the cases; the digest that approvals are bound to stays, with the time of the erasure",
        shared=True,
    ),
    Store(
        "procrastinate_jobs",
        "apart",
        {
            "queue_name": STATE,
            "task_name": STATE,
            "lock": STATE,
            "queueing_lock": STATE,
            "args": Content("json", None),
        },
        note="jobs of the tenant that name what is erased, or its text, such as a webhook's address",
        shared=True,
    ),
    Store(
        "audit_log",
        "apart",
        {
            "actor": Person(),
            "action": STATE,
            "subject": Content(),
            "before": Content(),
            "after": Content(),
            "reason": Content(),
            "trace_id": Kept("a random id"),
            "previous": DIGEST,
            "hash": DIGEST,
        },
        key="sequence",
        note="each text becomes a keyed hash, and a line of the chain says so (app.core.audit.erase_text)",
        shared=True,
    ),
)

TENANTS = (
    Store(
        "tenant_keys",
        "apart",
        {"wrapped": Kept("a data key, encrypted; destroyed with the tenant"), "master_key": Kept("a name")},
        key="version",
        note="destroyed with the tenant: whatever they encrypted, in backups too, is lost",
    ),
    Store(
        "tenants",
        "change",
        {"name": Content("opaque", "'erased-' || id")},
        linked="false",
        note="with the tenant",
    ),
)

FILES = (
    FileStore("evals/*.jsonl", "cases that came from an erased review item, or hold the text, are removed"),
    FileStore("logs and traces", "hold ids, times and names of errors, no text of users"),
    FileStore("APP_TOMBSTONES", "ids of what was erased, and the subject, encrypted by the master key"),
    FileStore("backups", "expire by age; 'app restore' or 'app privacy reapply' erases again what one brings back"),
)

CATALOGUE = Catalogue((*ANSWERS, *DOCUMENTS, *OTHERS, *IDENTITIES, *TENANTS, *KEPT), FILES)
