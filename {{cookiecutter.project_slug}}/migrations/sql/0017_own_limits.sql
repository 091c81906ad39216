-- What a tenant itself sets below what the service allows it.
create table budget_own_limits (
    scope uuid not null,
    span text not null,
    micro_usd bigint not null,
    changed_at timestamptz not null,
    constraint pk_budget_own_limits primary key (scope, span),
    constraint ck_budget_own_limits_span check (span in ('day', 'month')),
    constraint ck_budget_own_limits_amount check (micro_usd >= 0),
    constraint ck_budget_own_limits_scope check (scope <> '00000000-0000-0000-0000-000000000000')
);

-- How the windows stand. p_limits: of the policy, in the order service day, service month, tenant day, tenant month;
-- null where there is none. allowed: what the service allows, with what it granted; the limit is that, or the tenant's
-- own where that is lower.
create function budget_standing(p_scope uuid, p_day date, p_limits bigint[])
returns table (scope uuid, span text, starts date, limit_micro_usd bigint, granted bigint, handed_out bigint,
               set_by_hand boolean, allowed_micro_usd bigint)
language sql stable as $$
    select w.scope, w.span, w.starts,
           least(coalesce(l.micro_usd, p_limits[w.place]) + coalesce(b.granted, 0), o.micro_usd),
           coalesce(b.granted, 0), coalesce(b.handed_out, 0), l.micro_usd is not null or o.micro_usd is not null,
           coalesce(l.micro_usd, p_limits[w.place]) + coalesce(b.granted, 0)
    from budget_windows_of(p_scope, p_day) with ordinality as w (scope, span, starts, place)
    left join budget_limits l on l.scope = w.scope and l.span = w.span
    left join budget_own_limits o on o.scope = w.scope and o.span = w.span
    left join budget_windows b on b.scope = w.scope and b.span = w.span and b.starts = w.starts
    order by w.place
$$;
