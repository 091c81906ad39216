"""What a reader may see of documents and of quarantine: rows of documents outside their access groups are left out."""

from sqlalchemy import text

# A version that is not served yet may be for other readers than the one that is: who looks must be among both.
_IN_SIGHT = """
    (cast(:all as boolean) or ((d.access_groups = '{}' or d.access_groups && cast(:groups as text[]))
        and (v.access_groups = '{}' or v.access_groups && cast(:groups as text[]))))
"""
# Who brought a document in without being among its readers learns how it fares, and nothing that it says.
SHOWN = f"""
    select d.id, d.source, d.uri, case when whole then d.title else v.name end as title, v.access_groups, v.status,
        d.version, d.live_version, d.created_at, d.updated_at, v.name, v.size,
        case when whole then v.metadata else '{{}}' end as metadata, v.kind,
        case when whole then v.language end as language, v.characters,
        case when whole then v.findings else '[]' end as findings, encode(v.sha256, 'hex') as sha256,
        q.id as quarantine_id, q.reason, case when whole then q.detail else '' end as detail, q.duplicate_of
    from documents d
    join document_versions v on v.document_id = d.id and v.version = d.version
    cross join lateral (select {_IN_SIGHT} as whole) sight
    left join quarantine q on q.document_id = d.id and q.version = d.version and q.decision is null
    where d.deleted_at is null
      and ((whole and (cast(:manages as boolean) or d.live_version is not null)) or v.received_by = :who)
"""  # noqa: S608
GET_DOCUMENT = text(SHOWN + " and d.id = :id")
LIST_DOCUMENTS = text(
    SHOWN
    + """
    and (cast(:status as text) is null or v.status = :status) and (cast(:source as text) is null or d.source = :source)
    and (cast(:at as timestamptz) is null or (d.created_at, d.id) < (:at, :last))
    order by d.created_at desc, d.id desc limit :limit
    """
)
HELD = f"""
    select q.id, q.document_id, q.version, q.reason, q.detail, q.duplicate_of, q.findings, q.created_at, q.decision,
        q.decided_at, q.decided_by, q.note, v.name, v.size, d.source, d.uri, v.access_groups,
        encode(v.sha256, 'hex') as sha256
    from quarantine q
    join document_versions v on v.document_id = q.document_id and v.version = q.version
    join documents d on d.id = q.document_id
    where d.deleted_at is null and {_IN_SIGHT}
"""  # noqa: S608
GET_HELD = text(HELD + " and q.id = :id")
LIST_HELD = text(
    HELD
    + """
    and (cast(:open as boolean) is false or q.decision is null)
    and (cast(:reason as text) is null or q.reason = :reason)
    and (cast(:at as timestamptz) is null or (q.created_at, q.id) < (:at, :last))
    order by q.created_at desc, q.id desc limit :limit
    """
)
ORIGINAL = text(
    f"""
    select b.bytes, v.name from quarantine q
    join document_versions v on v.document_id = q.document_id and v.version = q.version
    join documents d on d.id = q.document_id
    join blobs b on b.tenant_id = v.tenant_id and b.sha256 = v.sha256
    where q.id = :id and d.deleted_at is null and {_IN_SIGHT}
    """  # noqa: S608
)
