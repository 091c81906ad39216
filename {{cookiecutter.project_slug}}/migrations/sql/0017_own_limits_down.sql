-- As 0011 made it.
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
drop table budget_own_limits;
