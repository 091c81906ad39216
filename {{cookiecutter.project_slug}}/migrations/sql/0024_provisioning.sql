create table provisioned_users (
  tenant_id uuid not null constraint fk_provisioned_users_tenant_id references tenants (id),
  id uuid not null,
  user_name text not null,
  user_key text not null,
  active boolean not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_id text,
  display_name text,
  deleted_at timestamptz,
  constraint pk_provisioned_users primary key (tenant_id, id)
);
create unique index uq_provisioned_users_name on provisioned_users (tenant_id, user_key) where deleted_at is null;
create index ix_provisioned_users_key on provisioned_users (tenant_id, user_key);
create index ix_provisioned_users_external_id on provisioned_users (tenant_id, external_id);

create table provisioned_groups (
  tenant_id uuid not null constraint fk_provisioned_groups_tenant_id references tenants (id),
  id uuid not null,
  display_name text not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_id text,
  constraint pk_provisioned_groups primary key (tenant_id, id),
  constraint uq_provisioned_groups_tenant_id_display_name unique (tenant_id, display_name)
);

create table provisioned_members (
  tenant_id uuid not null,
  group_id uuid not null,
  user_id uuid not null,
  constraint pk_provisioned_members primary key (tenant_id, group_id, user_id),
  constraint fk_provisioned_members_group_id foreign key (tenant_id, group_id)
    references provisioned_groups (tenant_id, id) on delete cascade,
  constraint fk_provisioned_members_user_id foreign key (tenant_id, user_id) references provisioned_users (tenant_id, id)
);
create index ix_provisioned_members_user on provisioned_members (tenant_id, user_id);

create table provisioned_values (
  tenant_id uuid not null constraint fk_provisioned_values_tenant_id references tenants (id),
  value text not null,
  constraint pk_provisioned_values primary key (tenant_id, value)
);
