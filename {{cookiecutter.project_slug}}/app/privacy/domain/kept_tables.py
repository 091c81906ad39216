"""Tables without content of tenants: what stays when everything of a tenant is erased, and why."""

from app.privacy.domain.stores import Kept, Store

_AMOUNTS = "ids and amounts; the sums of the ledger must hold"
_STAFF = "who released what and why: evidence of an act of control, kept by legal obligation"
_RELEASE = "part of a release: the operator's own files and settings, identified by their digest"
_SEARCH = "numbers and keyed hashes of words"
_QUEUE = "of the queue's library: no arguments of jobs"
_SIGN_IN = "random values of sign-ins in progress, for ten minutes"
_FIGURES = "figures, and ids of answers; what was asked is read from the answers"
_RATES = "ids of keys and tenants with numbers of requests"
_OWN = "what was asked for and done; the subject is a keyed hash"


def _kept(table: str, why: str, columns: str = "") -> Store:
    """columns: their names, with spaces between them."""
    return Store(table, "kept", {name: Kept(why) for name in columns.split()}, note=why, shared=True)


KEPT = (
    _kept("ledger", _AMOUNTS, "kind feature release_id provider model price_table environment"),
    _kept("budget_limits", _AMOUNTS, "span"),
    _kept("budget_own_limits", _AMOUNTS, "span"),
    _kept("budget_windows", _AMOUNTS, "span"),
    _kept("budget_shards", _AMOUNTS),
    _kept("budget_holds", _AMOUNTS),
    _kept("releases", _RELEASE, "id manifest"),
    _kept("release_parts", _RELEASE, "digest content"),
    _kept("release_events", _STAFF, "release_id before after actor reason unproven report verdict"),
    _kept("environments", _RELEASE, "name release_id previous_id canary_id"),
    _kept("environment_moves", _STAFF, "environment release_id previous_id actor reason kind canary_id"),
    _kept("approvals", _STAFF, "release_id environment kind report approver role reason"),
    _kept("break_glass_reviews", _STAFF, "reviewer reason"),
    _kept("readiness_statements", _STAFF, "kind check_id owner actor reason subject"),
    _kept("readiness_plans", "who wrote a plan when, and the status of each check", "actor statuses"),
    _kept("operation_runs", "who ran a backup, a drill or a test when, with figures", "kind actor digest detail"),
    _kept(
        "evaluation_runs",
        _STAFF,
        "release_id suite suite_digest baseline_id against actor status corpus report verdict problem",
    ),
    _kept("indexes", _SEARCH, "status embedder chunker chunker_params text_search analyzer"),
    _kept("index_switches", _SEARCH),
    _kept("corpora", _SEARCH),
    _kept("corpus_versions", _SEARCH),
    _kept("access_counts", _SEARCH, "access_groups"),
    _kept("term_stats", _SEARCH),
    _kept("procrastinate_workers", _QUEUE),
    _kept("procrastinate_events", _QUEUE),
    _kept("procrastinate_periodic_defers", _QUEUE, "task_name periodic_id"),
    _kept("parked_jobs", "the kind of an error, without any content", "reason"),
    _kept("alert_notices", "names of alerts and times", "fingerprint state alert"),
    _kept("job_counts", "numbers of attempts by day", "kind"),
    _kept("error_budget_exceptions", _STAFF, "release_id kind actor reason"),
    _kept("failure_patterns", _FIGURES, "reason rule step language"),
    _kept("monitoring_runs", _FIGURES, "kind"),
    _kept("drift_references", _FIGURES, "release_id"),
    _kept("data_health_signals", "figures, names of sources, and ids of documents", "signal subject"),
    _kept("drift_checks", _FIGURES, "signal"),
    _kept("schema_support", "revisions of the schema", "revision"),
    _kept("alembic_version", "the revision of the schema", "version_num"),
    _kept(
        "privacy_requests",
        _OWN,
        "kind selector subject sealed master_key reason requested_by targets counters state blocked_by",
    ),
    _kept("sign_in_attempts", _SIGN_IN, "state browser nonce verifier"),
    _kept("provisioned_members", "ids of accounts and groups; they go with the group"),
    _kept("sign_outs", "a digest, for as long as a token of before could be valid", "digest"),
    _kept("logout_tokens", "a digest, for as long as the token is valid", "digest"),
    _kept("rate_limits", _RATES),
    _kept("legal_holds", _OWN, "kind reason placed_by lifted_by"),
)
