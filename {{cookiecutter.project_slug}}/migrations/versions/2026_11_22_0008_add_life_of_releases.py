"""The life of a release, canaries, and what each answer needs to be replayed."""

from alembic import op

from app.core.rls import frozen, shared_table, tenant_table

revision = "0008"
down_revision = "0007"

LIFE = """
create table release_events (
    sequence bigint generated always as identity constraint pk_release_events primary key,
    release_id text not null constraint fk_release_events_release_id references releases (id),
    before text,
    after text not null,
    at timestamptz not null,
    actor text not null,
    reason text not null,
    unproven text,
    report text,
    verdict text,
    constraint ck_release_events_named check (actor <> '' and reason <> ''),
    constraint ck_release_events_unproven check (unproven in ('first_release', 'break_glass')),
    constraint ck_release_events_verdict check (
        (report is null) = (verdict is null) and verdict in ('PASS', 'FAIL', 'INCONCLUSIVE')
        and report ~ '^[0-9a-f]{64}$'
    )
);
create index ix_release_events_release_id on release_events (release_id, sequence);

-- The same pairs as app/releases/domain/lifecycle.py, where people are told why.
create function check_release_event() returns trigger language plpgsql as $$
declare
    was text;
begin
    perform pg_advisory_xact_lock(hashtext('releases'));
    select after into was from release_events where release_id = new.release_id order by sequence desc limit 1;
    if was is distinct from new.before then
        raise exception 'release % is %, not %', new.release_id, was, new.before using errcode = 'restrict_violation';
    end if;
    if (coalesce(new.before, 'nothing'), new.after) not in (
        ('nothing', 'draft'), ('draft', 'evaluated'), ('draft', 'rejected'), ('evaluated', 'evaluated'),
        ('evaluated', 'approved'), ('evaluated', 'rejected'), ('approved', 'evaluated'), ('approved', 'canary'),
        ('approved', 'live'), ('approved', 'rejected'), ('canary', 'live'), ('canary', 'rolled_back'),
        ('live', 'superseded'), ('live', 'rolled_back'), ('superseded', 'live'), ('superseded', 'evaluated'),
        ('rolled_back', 'live'), ('rolled_back', 'evaluated'), ('rejected', 'evaluated')
    ) and not (new.unproven is not null and new.after = 'approved' and new.before is not null and new.before <> 'live')
    then
        raise exception 'a release that is % cannot become %', coalesce(new.before, 'new'), new.after
            using errcode = 'restrict_violation';
    end if;
    return new;
end $$;
create trigger release_events_legal before insert on release_events
    for each row execute function check_release_event();

alter table environments
    add column previous_id text constraint fk_environments_previous_id references releases (id),
    add column canary_id text constraint fk_environments_canary_id references releases (id),
    add column canary_percent float8,
    add column canary_since timestamptz,
    add constraint ck_environments_canary check (
        (canary_id is null) = (canary_percent is null) and (canary_id is null) = (canary_since is null)
        and canary_percent > 0 and canary_percent < 100
    );
alter table environment_moves
    add column kind text not null default 'activate',
    add column canary_id text constraint fk_environment_moves_canary_id references releases (id),
    add column canary_percent float8,
    add column canary_since timestamptz,
    add column seconds float8;
alter table environment_moves alter column kind drop default;
create index ix_environment_moves_by_time on environment_moves (environment, at, sequence);
"""

ANSWERS = """
alter table answers
    add column environment text not null default 'production',
    add column arm text not null default 'live',
    add column unit text not null default '',
    add column conditions jsonb not null default '{}';
alter table answers
    alter column environment drop default,
    alter column arm drop default,
    alter column unit drop default,
    alter column conditions drop default,
    add constraint ck_answers_arm check (arm in ('live', 'control', 'canary'));
create index ix_answers_by_release on answers (tenant_id, release_id, created_at);

-- Only what went wrong while a canary was judged: an answer that failed has no row of its own.
create table answer_failures (
    id uuid constraint pk_answer_failures primary key,
    tenant_id uuid not null,
    at timestamptz not null,
    environment text not null,
    release_id text not null,
    arm text not null,
    unit text not null,
    code text not null
);
create index ix_answer_failures_by_release on answer_failures (tenant_id, release_id, at);

alter table ledger add column environment text not null default 'production';
alter table ledger alter column environment drop default;
"""

# What was stored before. A release that an environment pointed to was live without evidence.
RELEASES_BEFORE = """
insert into release_events (release_id, before, after, at, actor, reason)
select id, null, 'draft', created_at, 'migration', 'stored before releases had a life' from releases order by number;
insert into release_events (release_id, before, after, at, actor, reason, unproven)
select id, 'draft', 'approved', created_at, 'migration', 'live before evaluations were asked for', 'first_release'
from releases r where exists (select from environment_moves m where m.release_id = r.id) order by number;
insert into release_events (release_id, before, after, at, actor, reason)
select e.release_id, 'approved', 'live', e.at, 'migration', 'live before evaluations were asked for'
from release_events e where e.after = 'approved' order by e.sequence;
insert into release_events (release_id, before, after, at, actor, reason)
select e.release_id, 'live', 'superseded', e.at, 'migration', 'no environment pointed to it any more'
from release_events e where e.after = 'live'
    and not exists (select from environments n where n.release_id = e.release_id) order by e.sequence;
"""
# Of the evidence, what an answer cites is known; of the groups of who asked, nothing. The rest is what was the default.
ANSWERS_BEFORE = """
update answers a set unit = tenant_id::text, conditions = jsonb_build_object(
    'sentences', 3, 'passages', 8, 'max_tokens', 512, 'temperature', 0.0, 'model', null, 'degraded', null,
    'groups', '[]'::jsonb,
    'evidence', coalesce((
        select jsonb_agg(jsonb_build_array(cited.id, 0) order by cited.first)
        from (
            select each->>'chunk_id' as id, min((each->>'marker')::integer) as first
            from jsonb_array_elements(a.body->'citations') each group by 1
        ) cited
    ), '[]')
);
"""


def upgrade() -> None:
    op.execute(LIFE)
    op.execute(RELEASES_BEFORE)
    frozen(op, "release_events")
    shared_table(op, "release_events", "select, insert")
    op.execute(ANSWERS)
    # The owner sees the rows of all tenants only while row-level security is not forced on it.
    op.execute("alter table answers no force row level security")
    op.execute(ANSWERS_BEFORE)
    op.execute("alter table answers force row level security")
    tenant_table(op, "answer_failures", "select, insert")


def downgrade() -> None:
    op.execute("alter table ledger drop column environment")
    op.execute("drop table answer_failures")
    op.execute("alter table answers drop column environment, drop column arm, drop column unit, drop column conditions")
    op.execute(
        "alter table environment_moves drop column kind, drop column canary_id, drop column canary_percent, "
        "drop column canary_since, drop column seconds"
    )
    op.execute(
        "alter table environments drop column previous_id, drop column canary_id, drop column canary_percent, "
        "drop column canary_since"
    )
    op.execute("drop table release_events")
    op.execute("drop function check_release_event()")
