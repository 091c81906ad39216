-- Budgets: what may still be spent, by the service and by each tenant, in each day and month.
--
-- budget_windows   one row for each scope and window: how much of its limit was handed out to purses
-- budget_purses    what was handed out, in up to 16 purses for each tenant and day; an answer locks one of them
-- budget_holds     money set aside for calls under way; a shared one is for many calls of one process, and counts what
--                  they spent until it ends
--
-- A purse is filled from four windows at once (service and tenant, day and month), so that for each of them
--     handed out = sum of free + held + committed of its purses <= limit
-- and a hold or a settlement only moves money inside of one purse. Filling, emptying and sweeping are done under the
-- lock of the service's windows, which come first for everybody; purses are always locked in the same order.

create table budget_limits (
    scope uuid not null,
    span text not null,
    micro_usd bigint not null,
    changed_at timestamptz not null,
    constraint pk_budget_limits primary key (scope, span),
    constraint ck_budget_limits_span check (span in ('day', 'month')),
    constraint ck_budget_limits_amount check (micro_usd >= 0)
);
create table budget_windows (
    scope uuid not null,
    span text not null,
    starts date not null,
    granted bigint not null,
    handed_out bigint not null,
    constraint pk_budget_windows primary key (scope, span, starts),
    constraint ck_budget_windows_span check (span in ('day', 'month'))
);
create table budget_purses (
    scope uuid not null,
    day date not null,
    stripe smallint not null,
    free bigint not null,
    held bigint not null,
    committed bigint not null,
    used_percent smallint not null,
    constraint pk_budget_purses primary key (scope, day, stripe),
    constraint ck_budget_purses_amounts check (held >= 0 and committed >= 0)
) with (fillfactor = 50);
create index ix_budget_purses_by_day on budget_purses (day);
create table budget_holds (
    id uuid not null constraint pk_budget_holds primary key,
    scope uuid not null,
    day date not null,
    stripe smallint not null,
    micro_usd bigint not null,
    spent bigint not null,
    shared boolean not null,
    expires_at timestamptz not null,
    constraint ck_budget_holds_amount check (micro_usd > 0)
) with (fillfactor = 50);

-- The windows that money of a tenant belongs to on a day, those of the service first.
create function budget_windows_of(p_scope uuid, p_day date)
returns table (scope uuid, span text, starts date) language sql immutable as $$
    select s.scope, w.span, w.starts
    from (values (1, '00000000-0000-0000-0000-000000000000'::uuid), (2, p_scope)) as s (place, scope),
         (values ('day', p_day), ('month', date_trunc('month', p_day)::date)) as w (span, starts)
    order by s.place, w.span
$$;

-- How the windows stand. p_limits: of the policy, in the order service day, service month, tenant day, tenant month;
-- null where there is none.
create function budget_standing(p_scope uuid, p_day date, p_limits bigint[])
returns table (scope uuid, span text, starts date, limit_micro_usd bigint, granted bigint, handed_out bigint, set_by_hand boolean)
language sql stable as $$
    select w.scope, w.span, w.starts,
           coalesce(l.micro_usd, p_limits[w.place]) + coalesce(b.granted, 0), coalesce(b.granted, 0),
           coalesce(b.handed_out, 0), l.micro_usd is not null
    from budget_windows_of(p_scope, p_day) with ordinality as w (scope, span, starts, place)
    left join budget_limits l on l.scope = w.scope and l.span = w.span
    left join budget_windows b on b.scope = w.scope and b.span = w.span and b.starts = w.starts
    order by w.place
$$;

-- What is committed and what is held in a window.
create function budget_used(p_scope uuid, p_span text, p_starts date)
returns table (committed bigint, held bigint) language sql stable as $$
    with wanted as (
        select (p_starts + case p_span when 'day' then interval '1 day' else interval '1 month' end)::date as ends,
               p_scope = '00000000-0000-0000-0000-000000000000' as everybody
    )
    select (coalesce(sum(committed), 0) + coalesce(sum(spent), 0))::bigint,
           (coalesce(sum(held), 0) - coalesce(sum(spent), 0))::bigint
    from (
        select p.committed, p.held, 0 as spent from budget_purses p, wanted w
        where (w.everybody or p.scope = p_scope) and p.day >= p_starts and p.day < w.ends
        union all
        select 0, 0, h.spent from budget_holds h, wanted w
        where h.shared and (w.everybody or h.scope = p_scope) and h.day >= p_starts and h.day < w.ends
    ) as money
$$;

-- Gives the money of holds that nobody settled back to their purses. Returns how many there were.
create function budget_sweep(p_at timestamptz) returns integer language plpgsql as $$
declare
    lapsed budget_holds[];
begin
    with gone as (
        delete from budget_holds where id in (
            select id from budget_holds where expires_at <= p_at for update skip locked
        ) returning *
    ) select array_agg(gone::budget_holds) into lapsed from gone;
    if lapsed is null then
        return 0;
    end if;
    perform 1 from budget_purses p
    where (p.scope, p.day, p.stripe) in (select h.scope, h.day, h.stripe from unnest(lapsed) h)
    order by p.scope, p.day, p.stripe for update;
    update budget_purses p
    set held = p.held - h.micro_usd, free = p.free + h.micro_usd - h.spent, committed = p.committed + h.spent
    from (
        select scope, day, stripe, sum(micro_usd)::bigint as micro_usd, sum(spent)::bigint as spent
        from unnest(lapsed) group by 1, 2, 3
    ) h
    where (p.scope, p.day, p.stripe) = (h.scope, h.day, h.stripe);
    return cardinality(lapsed);
end $$;

-- Takes what lies free in purses back into their windows: of days gone by everybody's; of today that of one tenant,
-- or with null that of all. What calls cost beyond what was held for them, a free amount below 0, is always taken along.
create function budget_collect(p_scope uuid, p_day date, p_today boolean) returns void language plpgsql as $$
declare
    purse record;
begin
    for purse in
        select p.scope, p.day, p.stripe, p.free from budget_purses p
        where p.free <> 0
          and ((p.day < p_day and p.day >= (date_trunc('month', p_day) - interval '1 day')::date)
               or (p.day = p_day and p.free < 0)
               or (p_today and p.day = p_day and (p_scope is null or p.scope = p_scope)))
        order by p.scope, p.day, p.stripe for update
    loop
        update budget_purses p set free = 0
        where (p.scope, p.day, p.stripe) = (purse.scope, purse.day, purse.stripe);
        update budget_windows b set handed_out = b.handed_out - purse.free
        where (b.scope, b.span, b.starts) in (select * from budget_windows_of(purse.scope, purse.day));
    end loop;
end $$;

-- Locks the windows of a tenant's day, those of the service first. They are made on their first use.
create function budget_lock(p_scope uuid, p_day date) returns void language plpgsql as $$
declare
    each record;
begin
    for each in select * from budget_windows_of(p_scope, p_day) loop
        insert into budget_windows values (each.scope, each.span, each.starts, 0, 0) on conflict do nothing;
        perform 1 from budget_windows b
        where (b.scope, b.span, b.starts) = (each.scope, each.span, each.starts) for update;
    end loop;
end $$;

-- Sets money aside: the day and the purse it was taken from; or, with no purse, the window that has too little left.
-- p_best: where there is plenty, so much is held instead, to be shared by several calls.
create function budget_hold(
    p_id uuid, p_scope uuid, p_amount bigint, p_best bigint, p_seconds double precision, p_zone text,
    p_limits bigint[], p_at timestamptz default null
) returns table (
    day date, stripe smallint, micro_usd bigint, used_percent smallint, refused_scope uuid, refused_span text,
    limit_micro_usd bigint
) language plpgsql as $$
declare
    moment timestamptz := coalesce(p_at, clock_timestamp());
    today date := (moment at time zone p_zone)::date;
    purse record;
    tightest record;
    tried boolean := false;
    percent smallint;
    block bigint;
    taken bigint := p_amount;
begin
    select p.stripe, p.used_percent, p.free into purse from budget_purses p
    where p.scope = p_scope and p.day = today and p.free >= p_amount
    order by p.free desc limit 1 for update skip locked;
    if found then
        if purse.free >= p_best then
            taken := p_best;
        end if;
        update budget_purses p set free = p.free - taken, held = p.held + taken
        where p.scope = p_scope and p.day = today and p.stripe = purse.stripe;
        insert into budget_holds values (
            p_id, p_scope, today, purse.stripe, taken, 0, taken > p_amount, moment + make_interval(secs => p_seconds));
        return query
            select today, purse.stripe, taken, purse.used_percent, null::uuid, null::text, null::bigint;
        return;
    end if;

    perform budget_lock(p_scope, today);
    perform budget_sweep(moment);
    perform budget_collect(null, today, false);
    loop
        select s.scope, s.span, s.limit_micro_usd, s.limit_micro_usd - s.handed_out as room into tightest
        from budget_standing(p_scope, today, p_limits) s
        where s.limit_micro_usd is not null order by room, s.span limit 1;
        exit when tightest is null or tightest.room >= p_amount or tried;
        perform budget_collect(
            case when tightest.scope = p_scope then p_scope end, today, true);
        tried := true;
    end loop;
    if tightest is not null and tightest.room < p_amount then
        return query select today, null::smallint, 0::bigint, 100::smallint, tightest.scope, tightest.span,
                            tightest.limit_micro_usd;
        return;
    end if;

    -- Small against what is left, so that little lies idle in purses; large against one answer, so that few come here.
    block := greatest(p_amount, coalesce(least(tightest.room, p_amount * 256, tightest.room / 64), p_amount * 256));
    select coalesce(max(least(100, 100 * (u.committed + u.held + p_amount) / greatest(s.limit_micro_usd, 1))), 0)::smallint
    into percent
    from budget_standing(p_scope, today, p_limits) s, budget_used(s.scope, s.span, s.starts) u
    where s.limit_micro_usd is not null;

    select p.stripe into purse from budget_purses p
    where p.scope = p_scope and p.day = today limit 1 for update skip locked;
    if not found then
        select least(count(*), 15)::smallint as stripe into purse from budget_purses p
        where p.scope = p_scope and p.day = today;
    end if;
    if block >= p_best then
        taken := p_best;
    end if;
    insert into budget_purses as p values (p_scope, today, purse.stripe, block - taken, taken, 0, percent)
    on conflict on constraint pk_budget_purses do update
    set free = p.free + block - taken, held = p.held + taken, used_percent = excluded.used_percent;
    update budget_windows b set handed_out = b.handed_out + block
    where (b.scope, b.span, b.starts) in (select * from budget_windows_of(p_scope, today));
    insert into budget_holds values (
        p_id, p_scope, today, purse.stripe, taken, 0, taken > p_amount, moment + make_interval(secs => p_seconds));
    return query select today, purse.stripe, taken, percent, null::uuid, null::text, null::bigint;
end $$;

-- Ends holds: what was spent is committed in the first purse, the rest is free again. A hold that lapsed, or that was
-- never known, is charged all the same. With nothing spent this is a release. A shared hold goes on; it counts along.
create function budget_settle(
    p_ids uuid[], p_scope uuid, p_days date[], p_stripes smallint[], p_spent bigint
) returns void language plpgsql as $$
declare
    amount bigint;
begin
    if cardinality(p_ids) > 1 then
        perform 1 from budget_holds h where h.id = any (p_ids) order by h.id for update;
        perform 1 from budget_purses p
        where p.scope = p_scope and (p.day, p.stripe) in (select * from unnest(p_days, p_stripes))
        order by p.scope, p.day, p.stripe for update;
    end if;
    for n in 1 .. cardinality(p_ids) loop
        update budget_holds h set spent = h.spent + p_spent where h.id = p_ids[n] and h.shared;
        if found then
            p_spent := 0;
            continue;
        end if;
        delete from budget_holds h where h.id = p_ids[n] returning h.micro_usd into amount;
        amount := coalesce(amount, 0);
        update budget_purses p
        set held = p.held - amount, free = p.free + amount - p_spent, committed = p.committed + p_spent
        where p.scope = p_scope and p.day = p_days[n] and p.stripe = p_stripes[n];
        p_spent := 0;
    end loop;
end $$;

-- Ends a shared hold: what its calls spent is committed, the rest is free again.
create function budget_end(p_id uuid) returns void language plpgsql as $$
declare
    ended budget_holds;
begin
    delete from budget_holds h where h.id = p_id returning * into ended;
    update budget_purses p
    set held = p.held - ended.micro_usd, free = p.free + ended.micro_usd - ended.spent,
        committed = p.committed + ended.spent
    where (p.scope, p.day, p.stripe) = (ended.scope, ended.day, ended.stripe);
end $$;
