"""The search does less work for the same passages: the terms of a question are read and weighed in one statement, in
floating point; and where there are no vectors to mix them with, only the requested passages are sorted.
"""

from alembic import op

revision = "0035"
down_revision = "0034"
phase = "expand"

# A function that is not strict becomes part of the statement that calls it.
TERMS = "alter function retrieval_terms(regconfig, bigint, text) {}"
SEARCH = {
    "side int := greatest(50, p_limit);": (
        "side int := case when p_vector is null then p_limit else greatest(50, p_limit) end;"
    ),
    """    asked int[];
    freqs int[];
    wanted int[];""": "    wanted int[];",
    """    select array_agg(t.key), array_agg(t.freq) into asked, freqs from retrieval_terms(p_config, seed, p_query) t;

    -- Rarest terms first""": "    -- Rarest terms first",
    """        select s.key, least(retrieval_at(s.versions, s.counts, p_version), total) as df from term_stats s
        where s.tenant_id = tenant and s.index_number = p_index and s.key = any (asked)
    ), weighed as (
        select t.key, coalesce(k.df, 0) as df,
               t.freq * ln(1 + greatest(0, total - coalesce(k.df, 0) + 0.5) / (coalesce(k.df, 0) + 0.5)) as weight
        from unnest(asked, freqs) t(key, freq) left join known k on k.key = t.key
    ), ranked as (
        select w.*, row_number() over (order by df = 0, df, key) as rank,
               sum(df) over (order by df = 0, df, key) as covered
        from weighed w
    )""": """        select t.key, t.freq, coalesce((
            select least(retrieval_at(s.versions, s.counts, p_version), total) from term_stats s
            where s.tenant_id = tenant and s.index_number = p_index and s.key = t.key
        ), 0) as df
        from retrieval_terms(p_config, seed, p_query) t
    ), ranked as (
        select key, df, sum(df) over (order by df = 0, df, key) as covered,
               freq * ln(1 + greatest(0, total - df + 0.5::float8) / (df + 0.5::float8)) as weight
        from known
    )""",
}


def upgrade() -> None:
    op.execute(TERMS.format("called on null input"))
    _replace_search(SEARCH)


def downgrade() -> None:
    _replace_search({new: old for old, new in SEARCH.items()})
    op.execute(TERMS.format("strict"))


def _replace_search(parts: dict[str, str]) -> None:
    body = op.get_bind().exec_driver_sql("select pg_get_functiondef('retrieval_search'::regproc)").scalar()
    for part, other in parts.items():
        if body.count(part) != 1:
            raise RuntimeError(f"retrieval_search has another text than this migration knows: {part}")
        body = body.replace(part, other)
    op.get_bind().exec_driver_sql(body.replace("%", "%%"))
