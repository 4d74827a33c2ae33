-- An organisation's own roles. The built-in ones are code (shared/contracts/roles.ts).
create table rbac.roles (
  role_id         text primary key,
  organization_id text not null,
  name            text not null,
  scope           text not null check (scope in ('organization', 'course')),
  permissions     text[] not null,
  revision        integer not null check (revision > 0)
);
create unique index roles_name on rbac.roles (organization_id, lower(name));
call hub.protect_tenant('rbac.roles');

-- Counts an organisation's roles, so that one guarded update keeps the limit.
create table rbac.role_counts (
  organization_id text primary key,
  role_count      integer not null check (role_count >= 0)
);
call hub.protect_tenant('rbac.role_counts');

-- Who has which role where, live and ended. `role` is the name of a built-in one or the id of another.
create table rbac.grants (
  grant_id        text primary key,
  account_id      text not null,
  scope           text not null check (scope in ('platform', 'organization', 'course')),
  organization_id text,
  course_id       text,
  role            text not null,
  source          text not null check (source in ('membership', 'direct', 'configuration')),
  granted_by      text not null,
  created_at      timestamptz not null,
  expires_at      timestamptz,
  ended_at        timestamptz,
  check ((scope = 'platform') = (organization_id is null)),
  check ((scope = 'course') = (course_id is not null))
);
create unique index grants_live on rbac.grants
  (account_id, coalesce(organization_id, ''), coalesce(course_id, ''), role, source)
  where ended_at is null;
create index grants_account on rbac.grants (account_id, organization_id);
create index grants_newest on rbac.grants (organization_id, grant_id desc) where ended_at is null;
create index grants_role on rbac.grants (role) where ended_at is null;
create index grants_due on rbac.grants (expires_at) where ended_at is null and expires_at is not null;
call hub.protect_tenant('rbac.grants');
-- Whoever explains a decision must see that somebody stands above the organisation.
create policy platform_seen on rbac.grants for select using (scope = 'platform');

-- One number per account: its row is the lock under which that account's grants change.
create table rbac.accounts (
  account_id   text primary key,
  last_version integer not null
);

-- The number that an account's last change in an organisation got; '*' is the platform.
create table rbac.role_versions (
  account_id      text not null,
  organization_id text not null,
  version         integer not null,
  primary key (account_id, organization_id)
);
call hub.protect_tenant('rbac.role_versions');

call hub.create_course_refs('rbac');
create index course_refs_instructors on rbac.course_refs using gin (instructor_ids);
