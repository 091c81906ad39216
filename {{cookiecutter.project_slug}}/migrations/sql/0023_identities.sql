create function find_api_key(wanted text)
returns table (id uuid, tenant_id uuid, name text, digest bytea, roles text[], groups text[], person text,
               permissions text[], hosts text[], requests_per_minute integer, expires_at timestamptz)
language sql stable security definer set search_path = public, pg_temp
as $$ select k.id, k.tenant_id, k.name, k.digest, k.roles, k.groups, k.person, k.permissions, k.hosts,
             k.requests_per_minute, k.expires_at
      from api_keys k where k.prefix = wanted and k.revoked_at is null $$;

create function store_last_use(callers uuid[], moments timestamptz[]) returns void
language plpgsql security definer set search_path = public, pg_temp
as $$
begin
  update api_keys k set last_used_at = greatest(k.last_used_at, used.at)
  from unnest(callers, moments) as used (id, at) where k.id = used.id;
  update identities i set last_used_at = greatest(i.last_used_at, used.at)
  from unnest(callers, moments) as used (id, at) where i.id = used.id;
end $$;

-- The moment at which the next request of a caller would be due at its limit. What is lost in a crash is a minute's count.
create unlogged table rate_limits (
  subject uuid constraint pk_rate_limits primary key,
  due_at timestamptz not null
);

-- The generic cell rate algorithm: a burst of `per_minute` requests, then as many per minute.
create function take_requests(caller uuid, per_minute integer, wanted integer, moment timestamptz,
                              out taken integer, out wait double precision)
language plpgsql security definer set search_path = public, pg_temp
as $$
declare
  now_ timestamptz := coalesce(moment, clock_timestamp());
  step double precision := 60.0 / per_minute;
  ahead double precision;
begin
  insert into rate_limits values (caller, now_) on conflict (subject) do nothing;
  select greatest(0, extract(epoch from r.due_at - now_)) into ahead
  from rate_limits r where r.subject = caller for update;
  taken := greatest(0, least(wanted, floor((60.0 - ahead) / step + 1e-6)));
  wait := case when taken > 0 then 0 else ahead + step - 60.0 end;
  if taken > 0 then
    update rate_limits r set due_at = now_ + make_interval(secs => ahead + taken * step) where r.subject = caller;
  end if;
end $$;

create function find_console_session(wanted bytea)
returns table (tenant_id uuid, identity_id uuid, created_at timestamptz, used_at timestamptz)
language sql stable security definer set search_path = public, pg_temp
as $$ select s.tenant_id, s.identity_id, s.created_at, s.used_at from console_sessions s where s.digest = wanted $$;
