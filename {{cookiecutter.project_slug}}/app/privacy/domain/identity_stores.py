"""Who calls: sessions, identities, provisioned accounts and keys."""

from app.privacy.domain.stores import NAMED_BY_POLICY, STATE, Content, Kept, Store

_NAMES = Content("opaque", None)

IDENTITIES = (
    Store(
        "console_sessions",
        "delete",
        {
            "digest": Content("opaque", None),
            "provider_session": Content("opaque", None),
            "refresh_token": Content("opaque", None),
        },
        linked="identity_id = any (cast(:keys as uuid[]))",
        key="digest",
    ),
    # Before the identities, by which they are found.
    Store(
        "provisioned_users",
        "change",
        {
            "user_name": Content(to="'erased-' || id"),
            "user_key": Content(to="'erased-' || id"),
            "external_id": Content(to="null"),
            "display_name": Content(to="null"),
        },
        linked="exists (select from identities i where i.id = any (cast(:keys as uuid[])) "
        "and i.link in (user_key, external_id))",
        also="active = false, deleted_at = coalesce(deleted_at, now())",
    ),
    Store(
        "provisioned_groups",
        "delete",
        {"display_name": _NAMES, "external_id": _NAMES},
        note="names of groups, not of people; they go with the tenant",
    ),
    Store("provisioned_values", "delete", {"value": _NAMES}, key="value", note="names of groups, as before"),
    Store(
        "identities",
        "change",
        {
            "issuer": NAMED_BY_POLICY,
            "subject": Content(to="'erased-' || id"),
            "name": Content(to="'erased-' || id"),
            "roles": STATE,
            "groups": Content("list", "'{}'"),
            "link": Content(to="null"),
            "sources": Kept("values of claims that name groups, with what the policy gives for them"),
        },
        linked="id = any (cast(:keys as uuid[]))",
        also="revoked_at = coalesce(revoked_at, now())",
    ),
    Store(
        "api_keys",
        "change",
        {
            "name": Content(to="'erased-' || prefix"),
            "prefix": Kept("random, and public"),
            "digest": Kept("a salted hash of a random secret"),
            "roles": STATE,
            "groups": Content("list", "'{}'"),
            "person": Content(to="null"),
            "permissions": STATE,
            "hosts": Content("list", "'{}'"),
        },
        linked="id = any (cast(:keys as uuid[]))",
        also="revoked_at = coalesce(revoked_at, now())",
    ),
)
