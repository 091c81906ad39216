-- Releases that may go live although an error budget is spent.
create table error_budget_exceptions (
    id uuid constraint pk_error_budget_exceptions primary key,
    release_id text not null constraint fk_error_budget_exceptions_release_id references releases (id),
    kind text not null,
    actor text not null,
    reason text not null,
    at timestamptz not null,
    expires_at timestamptz not null,
    constraint ck_error_budget_exceptions_kind check (kind in ('fix', 'override')),
    constraint ck_error_budget_exceptions_named check (actor <> '' and reason <> ''),
    constraint ck_error_budget_exceptions_ends check (expires_at > at)
);
create index ix_error_budget_exceptions_release_id on error_budget_exceptions (release_id, at);

-- Attempts of jobs by day: a job that is done leaves no other trace.
create table job_counts (
    day date not null,
    kind text not null,
    done bigint not null,
    failed bigint not null,
    constraint pk_job_counts primary key (day, kind)
);

-- What came of an answer for the business; of one kind, the latest.
create table business_outcomes (
    tenant_id uuid not null,
    answer_id uuid not null,
    outcome text not null,
    amount numeric(14, 4) not null,
    at timestamptz not null,
    reported_at timestamptz not null,
    reported_by uuid not null,
    constraint pk_business_outcomes primary key (tenant_id, answer_id, outcome),
    constraint fk_business_outcomes_tenant_id foreign key (tenant_id, answer_id) references answers (tenant_id, id),
    constraint ck_business_outcomes_amount check (amount > 0)
);

-- Whether an answer of production was scored, why or why not, and the scores.
create table online_evaluations (
    tenant_id uuid not null,
    answer_id uuid not null,
    answered_at timestamptz not null,
    at timestamptz not null,
    stratum text not null,
    rate float8 not null,
    decision text not null,
    reason text not null,
    groundedness float8,
    citation_precision float8,
    safety float8,
    judge float8,
    constraint pk_online_evaluations primary key (tenant_id, answer_id),
    constraint fk_online_evaluations_tenant_id foreign key (tenant_id, answer_id) references answers (tenant_id, id),
    constraint ck_online_evaluations_decision check (decision in ('scored', 'skipped')),
    constraint ck_online_evaluations_reasoned check (reason <> '')
);
create index ix_online_evaluations_by_time on online_evaluations (tenant_id, answered_at);

-- Alerts that were sent to the person on call: each state of each once.
create table alert_notices (
    fingerprint text not null,
    state text not null,
    starts_at timestamptz not null,
    alert text not null,
    at timestamptz not null,
    constraint pk_alert_notices primary key (fingerprint, state, starts_at),
    constraint ck_alert_notices_state check (state in ('firing', 'resolved'))
);

-- How much went well and how much did not, of all tenants: sums, and nothing that was said.
create function error_budget_events(p_since timestamptz, p_until timestamptz, p_late_ms float8)
returns table (objective text, bad bigint, events bigint)
language sql stable security definer set search_path = public, pg_temp
as $$
    with given as (
        select count(*) as events,
               count(*) filter (where (body->'timings_ms'->>'total')::float8 > p_late_ms) as late,
               count(*) filter (where (body->>'degraded')::boolean) as degraded,
               count(*) filter (where status = 'refused') as refused,
               count((body->>'groundedness')::float8) as judged,
               count(*) filter (where (body->>'groundedness')::float8 <= 0.8) as ungrounded
        from answers
        where created_at >= p_since and created_at < p_until and environment = 'production'
    ),
    failures as (
        select count(*) as events from answer_failures
        where at >= p_since and at < p_until and environment = 'production'
    ),
    reviews as (
        select count(*) as events, count(*) filter (where state = 'expired') as late
        from review_items
        where decided_at >= p_since and decided_at < p_until
          and digest <> encode(sha256('{}'::bytea), 'hex')
    ),
    quarantined as (
        select count(*) as events from quarantine where created_at >= p_since and created_at < p_until
    ),
    published as (
        select count(*) as events from document_versions v
        where v.status in ('published', 'superseded') and v.characters is not null
          and v.ended_at >= p_since and v.ended_at < p_until
          and not exists (select from quarantine q where q.tenant_id = v.tenant_id
                          and q.document_id = v.document_id and q.version = v.version)
    ),
    jobs as (
        select coalesce(sum(done + failed), 0)::bigint as events, coalesce(sum(failed), 0)::bigint as failed
        from job_counts
        where day >= (p_since at time zone 'utc')::date and day <= (p_until at time zone 'utc')::date
    )
    select 'available', failures.events, given.events + failures.events from given, failures
    union all select 'in_time', late, events from given
    union all select 'undegraded', degraded, events from given
    union all select 'answered', refused, events from given
    union all select 'grounded', ungrounded, judged from given
    union all select 'reviewed', late, events from reviews
    union all select 'ingested', quarantined.events, quarantined.events + published.events from quarantined, published
    union all select 'processed', failed, events from jobs
$$;
