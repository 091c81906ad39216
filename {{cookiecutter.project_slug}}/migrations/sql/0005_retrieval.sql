-- Search inside the database: BM25 and vectors under tenant, readers and corpus version, in one call.
--
-- Keys: each lexeme of a (tenant, index) is one positive 30-bit number seeded by both, so that one tenant's terms never
-- lead to another's rows. Who may read a chunk stands in the same array as negative numbers.

create function retrieval_seed(p_tenant uuid, p_index int) returns bigint
language sql immutable strict parallel safe
return hashtextextended(p_tenant::text || ':' || p_index::text, 0);

create function retrieval_key(p_text text, p_seed bigint) returns int
language sql immutable strict parallel safe
return (1 + (hashtextextended(p_text, p_seed) & 4611686018427387903) % 999999999)::int;

create function retrieval_terms(p_config regconfig, p_seed bigint, p_text text) returns table (key int, freq int)
language sql immutable strict parallel safe rows 60
begin atomic
    -- The parser keeps words joined by hyphens and slashes together; apart, each half is found.
    select retrieval_key(lexeme, p_seed), sum(cardinality(positions))::int
    from unnest(to_tsvector(p_config, translate(p_text, '-/', '  ')))
    group by 1;
end;

create function retrieval_readers(p_groups text[], p_seed bigint) returns int[]
language sql immutable strict parallel safe
begin atomic
    select case when cardinality(p_groups) = 0 then array[-retrieval_key('everybody', p_seed)]
                else (select array_agg(distinct -retrieval_key('group:' || g, p_seed)) from unnest(p_groups) g) end;
end;

-- The value a change log had at a version: values[i] counts from versions[i] on; 0 before the first.
create function retrieval_at(p_versions int[], p_values int[], p_version int) returns int
language sql immutable parallel safe
return coalesce(p_values[width_bucket(p_version, p_versions)], 0);

-- Document frequencies are kept in steps of a tenth, so that a log entry is needed only when a step is passed.
create function retrieval_step(p_count int) returns int
language sql immutable strict parallel safe
return case when p_count < 8 then greatest(p_count, 0) else round(power(1.1, round(ln(p_count) / ln(1.1))))::int end;

create function retrieval_bm25(
    p_config regconfig, p_seed bigint, p_text text, p_mean_length real, out keys int[], out weights sparsevec
)
language sql immutable strict parallel safe
begin atomic
    select coalesce(array_agg(key order by key), '{}'),
           ('{' || coalesce(string_agg(
               key || ':' || (2.2 * freq / (freq + 0.3 + 0.9 * length / p_mean_length))::real, ',' order by key
           ), '') || '}/1000000000')::sparsevec
    from (select key, freq, sum(freq) over () as length from retrieval_terms(p_config, p_seed, p_text)) terms;
end;

create function retrieval_log_versions(p_versions int[], p_counts int[], p_version int, p_count int) returns int[]
language sql immutable parallel safe
return case when p_counts[cardinality(p_counts)] = p_count or p_versions[cardinality(p_versions)] = p_version
            then p_versions else p_versions || p_version end;

create function retrieval_log_counts(p_versions int[], p_counts int[], p_version int, p_count int) returns int[]
language sql immutable parallel safe
return case when p_counts[cardinality(p_counts)] = p_count then p_counts
            when p_versions[cardinality(p_versions)] = p_version then trim_array(p_counts, 1) || p_count
            else p_counts || p_count end;

-- The nearest vectors through the approximate index of one (index, tenant), or nothing when there is none.
create function retrieval_near(p_tenant uuid, p_index int, p_version int, p_vector halfvec, p_groups text[], p_side int)
returns table (chunk_id uuid, dense real)
language plpgsql stable
set search_path = public, pg_temp
set enable_seqscan = off
set enable_sort = off
set jit = off
as $$
declare
    graph regclass := to_regclass(format('sx_vectors_%s_%s', p_index, replace(p_tenant::text, '-', '')));
begin
    if graph is null or not (select indisvalid from pg_index where indexrelid = graph) then return; end if;
    perform set_config('hnsw.ef_search', '200', true), set_config('hnsw.iterative_scan', 'strict_order', true);
    -- Written out, because a partial index is only considered for values known when planning.
    return query execute format(
        'select chunk_id, (-(embedding::halfvec(%1$s) <#> $1::halfvec(%1$s)))::real from chunk_vectors '
        'where tenant_id = %2$L and index_number = %3$s and appeared <= $2 and (gone is null or gone > $2) '
        'and (access_groups is null or access_groups && $3) '
        'order by embedding::halfvec(%1$s) <#> $1::halfvec(%1$s) limit $4',
        vector_dims(p_vector::vector), p_tenant, p_index
    ) using p_vector, p_version, p_groups, p_side;
end;
$$;

-- The best chunks for a question, as the tenant of this transaction sees them at a corpus version.
-- It runs as the owner, because row-level security would keep the planner from the index on keys; so the tenant is not
-- an argument but the transaction's own, and the caller reads the texts under row-level security.
create function retrieval_search(
    p_index int, p_version int, p_config regconfig, p_query text, p_vector halfvec, p_groups text[], p_limit int,
    p_dense_weight real, p_budget int, p_exact_chunks int, p_exact_vectors int
) returns table (chunk_id uuid, score real, bm25 real, dense real, top_bm25 real, top_dense real, possible_bm25 real)
language plpgsql stable security definer rows 10
set search_path = public, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
declare
    tenant uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
    seed bigint := retrieval_seed(tenant, p_index);
    side int := greatest(50, p_limit);
    total int;
    allowed int;
    asked int[];
    freqs int[];
    wanted int[];
    every int[];
    looked int[];
    question sparsevec;
    possible real;
    ids uuid[];
    scores real[];
    near_ids uuid[];
    near_scores real[];
begin
    select v.chunks into total from corpus_versions v
    where v.tenant_id = tenant and v.index_number = p_index and v.version <= p_version
    order by v.version desc limit 1;
    if coalesce(total, 0) = 0 then return; end if;

    select coalesce(sum(a.chunks), 0) into allowed
    from access_counts a
    where a.tenant_id = tenant and a.index_number = p_index and (a.access_groups = '{}' or a.access_groups && p_groups);

    select array_agg(t.key), array_agg(t.freq) into asked, freqs from retrieval_terms(p_config, seed, p_query) t;

    -- Rarest terms first, until the chunks they lead to would be more than the budget: a chunk with none of the rare
    -- terms of a question is not among the best. Where few may be read, more are looked at.
    -- possible: what a chunk made of nothing but the question would score; terms nobody wrote count in full.
    with known as materialized (
        select s.key, least(retrieval_at(s.versions, s.counts, p_version), total) as df from term_stats s
        where s.tenant_id = tenant and s.index_number = p_index and s.key = any (asked)
    ), weighed as (
        select t.key, coalesce(k.df, 0) as df,
               t.freq * ln(1 + greatest(0, total - coalesce(k.df, 0) + 0.5) / (coalesce(k.df, 0) + 0.5)) as weight
        from unnest(asked, freqs) t(key, freq) left join known k on k.key = t.key
    ), ranked as (
        select w.*, row_number() over (order by df = 0, df, key) as rank,
               sum(df) over (order by df = 0, df, key) as covered
        from weighed w
    )
    select array_agg(key) filter (
               where df > 0 and (total <= p_exact_chunks or covered - df < p_limit
                                 or covered <= p_budget * greatest(1, total / greatest(allowed, 1)))
           ),
           array_agg(key) filter (where df > 0),
           ('{' || string_agg(key || ':' || weight::real, ',' order by key) filter (where df > 0)
            || '}/1000000000')::sparsevec,
           2.2 * sum(weight)
    into wanted, every, question, possible
    from ranked;

    if allowed <= p_exact_chunks and allowed < total then
        wanted := retrieval_readers('{}', seed) || retrieval_readers(p_groups, seed);
        every := wanted;
    end if;

    -- A second look, with every term, when the rare ones led to fewer chunks than were asked for.
    while question is not null and (looked is null or p_vector is null)
          and coalesce(cardinality(ids), 0) < p_limit and wanted is distinct from looked loop
        select array_agg(c.id), array_agg(c.s) into ids, scores from (
            select t.chunk_id as id, (-(question <#> t.weights))::real as s
            from (
                select * from chunk_terms
                where keys && wanted and tenant_id = tenant and index_number = p_index
                  and appeared <= p_version and (gone is null or gone > p_version)
                  and (access_groups is null or access_groups && p_groups)
                limit greatest(25 * p_budget, p_exact_chunks)
            ) t
            order by s desc, id limit side
        ) c where c.s > 0;
        looked := wanted;
        wanted := every;
    end loop;

    if p_vector is null then
        return query select f.i, f.s, f.s, null::real, scores[1], null::real, possible
                     from unnest(ids, scores) with ordinality as f(i, s, n) order by f.n limit p_limit;
        return;
    end if;

    -- A graph walked under a filter that leaves little loses much of it: then every readable vector is compared.
    if allowed > p_exact_vectors and 2 * allowed >= total then
        select array_agg(n.chunk_id), array_agg(n.dense) into near_ids, near_scores
        from retrieval_near(tenant, p_index, p_version, p_vector, p_groups, side) n;
    end if;
    if near_ids is null and allowed <= p_exact_chunks and allowed < total then
        wanted := retrieval_readers('{}', seed) || retrieval_readers(p_groups, seed);
        select array_agg(c.id), array_agg(c.s) into near_ids, near_scores from (
            select v.chunk_id as id, (-(v.embedding <#> p_vector))::real as s
            from chunk_terms t join chunk_vectors v on v.chunk_id = t.chunk_id
            where t.keys && wanted and t.tenant_id = tenant and t.index_number = p_index
              and v.tenant_id = tenant and v.index_number = p_index
              and v.appeared <= p_version and (v.gone is null or v.gone > p_version)
              and (v.access_groups is null or v.access_groups && p_groups)
            order by s desc, id limit side
        ) c;
    elsif near_ids is null then
        select array_agg(c.id), array_agg(c.s) into near_ids, near_scores from (
            select v.chunk_id as id, (-(v.embedding <#> p_vector))::real as s
            from chunk_vectors v
            where v.tenant_id = tenant and v.index_number = p_index
              and v.appeared <= p_version and (v.gone is null or v.gone > p_version)
              and (v.access_groups is null or v.access_groups && p_groups)
            order by s desc, id limit side
        ) c;
    end if;

    -- Both scores of everything either side found, each spread over 0..1, then mixed.
    return query
    with found as (
        select i, max(b) as b, max(d) as d from (
            select i, b, null::real as d from unnest(ids, scores) as x(i, b)
            union all
            select i, null::real, d from unnest(near_ids, near_scores) as y(i, d)
        ) sides group by i
    ), scored as (
        select f.i,
               coalesce(f.b, (select (-(question <#> t.weights))::real from chunk_terms t where t.chunk_id = f.i), 0) as b,
               coalesce(f.d, (select (-(v.embedding <#> p_vector))::real from chunk_vectors v where v.chunk_id = f.i), 0) as d
        from found f
    ), spread as (
        select s.i, s.b, s.d, min(s.b) over () as b0, max(s.b) over () as b1, min(s.d) over () as d0, max(s.d) over () as d1
        from scored s
    )
    select s.i, ((1 - p_dense_weight) * coalesce((s.b - s.b0) / nullif(s.b1 - s.b0, 0), 0)
                 + p_dense_weight * coalesce((s.d - s.d0) / nullif(s.d1 - s.d0, 0), 0))::real as fused, s.b, s.d, s.b1, s.d1, possible
    from spread s order by fused desc, s.i limit p_limit;
end;
$$;

-- Which tenants have documents: a build of an index goes through all of them, one tenant at a time.
create function retrieval_tenants() returns setof uuid
language sql stable security definer
set search_path = public, pg_temp
as $$ select tenant_id from corpora order by tenant_id $$;
