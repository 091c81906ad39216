create table sign_outs (
  digest bytea constraint pk_sign_outs primary key,
  at double precision not null,
  ends_at timestamptz not null
);

create table logout_tokens (
  digest bytea constraint pk_logout_tokens primary key,
  ends_at timestamptz not null
);

create function console_session(wanted bytea)
returns table (tenant_id uuid, identity_id uuid, created_at timestamptz, used_at timestamptz, provider_session text,
               refreshed_at timestamptz)
language sql stable security definer set search_path = public, pg_temp
as $$ select s.tenant_id, s.identity_id, s.created_at, s.used_at, s.provider_session, s.refreshed_at
      from console_sessions s where s.digest = wanted $$;

-- Of a person all sessions; or one session of the provider, and of its person those of which the provider named none.
-- The identities of the person are returned also where no session was left.
create function end_provider_sessions(of_issuer text, of_subject text, of_session text)
returns table (tenant_id uuid, identity_id uuid, sessions bigint)
language sql volatile security definer set search_path = public, pg_temp
as $$
  with ended as (
    delete from console_sessions s using identities i
    where i.tenant_id = s.tenant_id and i.id = s.identity_id and i.issuer = of_issuer
      and case when of_session is null then i.subject = of_subject
          else coalesce(s.provider_session = of_session, i.subject = of_subject) end
    returning s.tenant_id, s.identity_id
  ), person as (
    select i.tenant_id, i.id as identity_id from identities i where i.issuer = of_issuer and i.subject = of_subject
    union select e.tenant_id, e.identity_id from ended e
  )
  select p.tenant_id, p.identity_id, count(e.tenant_id)
  from person p left join ended e on e.tenant_id = p.tenant_id and e.identity_id = p.identity_id group by 1, 2
$$;
