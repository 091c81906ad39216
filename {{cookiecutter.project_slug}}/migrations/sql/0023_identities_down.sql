create function find_api_key(wanted text)
returns table (id uuid, tenant_id uuid, name text, digest bytea, roles text[], groups text[])
language sql stable security definer set search_path = public, pg_temp
as $$ select k.id, k.tenant_id, k.name, k.digest, k.roles, k.groups
      from api_keys k where k.prefix = wanted and k.revoked_at is null $$;
