-- Organisations form trees that never change shape: a child keeps its parent for ever.
create table organization.organizations (
  organization_id text primary key,
  parent_id       text references organization.organizations,
  -- From the topmost down to the parent.
  ancestor_ids    text[] not null check (cardinality(ancestor_ids) < 5),
  name            text not null,
  locale          text not null,
  created_at      timestamptz not null,
  check (parent_id is not distinct from ancestor_ids[cardinality(ancestor_ids)])
);
create index organizations_ancestors on organization.organizations using gin (ancestor_ids);
call hub.protect_tenant('organization.organizations');
create policy subtree on organization.organizations
  using (current_setting('hub.tenant', true) = any (ancestor_ids))
  with check (current_setting('hub.tenant', true) = any (ancestor_ids));

-- The second wall lets an organisation see what lies below it, and nothing beside or above.
create function organization.is_below_tenant(below text) returns boolean
  language sql stable parallel safe security definer set search_path = ''
  as $$
    select exists (
      select from organization.organizations
      where organization_id = below and current_setting('hub.tenant', true) = any (ancestor_ids)
    )
  $$;

create procedure organization.protect_subtree(protected regclass)
  language plpgsql as $$
begin
  call hub.protect_tenant(protected);
  execute format(
    'create policy subtree on %s using (organization.is_below_tenant(organization_id))
       with check (organization.is_below_tenant(organization_id))',
    protected
  );
end $$;

create table organization.members (
  organization_id text not null references organization.organizations,
  account_id      text not null,
  role            text not null check (role in ('learner', 'instructor', 'admin', 'owner')),
  joined_at       timestamptz not null,
  primary key (organization_id, account_id)
);
create index members_account on organization.members (account_id, organization_id);
call organization.protect_subtree('organization.members');

-- The token itself is in the mail alone.
create table organization.invitations (
  invitation_id   text primary key,
  organization_id text not null references organization.organizations,
  email           text not null,
  role            text not null check (role in ('learner', 'instructor', 'admin', 'owner')),
  token_hash      text not null unique,
  state           text not null check (state in ('pending', 'accepted', 'revoked')),
  invited_by      text not null,
  created_at      timestamptz not null,
  expires_at      timestamptz not null
);
create unique index invitations_pending on organization.invitations (organization_id, lower(email))
  where state = 'pending';
create index invitations_newest on organization.invitations (organization_id, invitation_id desc);
call organization.protect_subtree('organization.invitations');

-- Whose address is whose, and proven (fed by auth's and user's events): a person stands above organisations.
create table organization.accounts (
  account_id  text primary key,
  email       text not null,
  is_verified boolean not null
);
create index accounts_email on organization.accounts (lower(email));

create table organization.licence_pools (
  pool_id         text primary key,
  organization_id text not null references organization.organizations,
  course_id       text not null,
  name            text not null,
  seat_count      integer not null,
  taken_count     integer not null,
  claimable       boolean not null,
  created_at      timestamptz not null,
  constraint licence_pools_capacity check (taken_count between 0 and seat_count)
);
create index licence_pools_newest on organization.licence_pools (organization_id, pool_id desc);
call organization.protect_subtree('organization.licence_pools');

-- A seat that is, or was, somebody's; an unassigned one is only a number of its pool.
create table organization.seats (
  seat_id         text primary key,
  pool_id         text not null references organization.licence_pools,
  organization_id text not null,
  course_id       text not null,
  account_id      text not null,
  state           text not null check (state in ('assigned', 'activated', 'revoked')),
  taken_at        timestamptz not null
);
create unique index seats_live on organization.seats (pool_id, account_id) where state <> 'revoked';
create index seats_newest on organization.seats (pool_id, seat_id desc);
create index seats_account on organization.seats (account_id, organization_id) where state <> 'revoked';
call organization.protect_subtree('organization.seats');

call hub.create_course_refs('organization');
create policy subtree on organization.course_refs using (organization.is_below_tenant(organization_id));

-- The public academy (shared/contracts/academy.ts): who signs up without an invitation learns here.
insert into organization.organizations (organization_id, parent_id, ancestor_ids, name, locale, created_at)
values ('org_00000000000070008000000000000001', null, '{}', 'Academy', 'en', now());
