-- One person, whatever the organisations; the address is auth's word, kept here to be shown and changed.
create table "user".profiles (
  account_id      text primary key,
  email           text not null,
  name            text not null,
  locale          text not null,
  time_zone       text not null,
  avatar_media_id text,
  revision        integer not null check (revision > 0),
  created_at      timestamptz not null,
  deactivated_at  timestamptz
);

-- An address on its way: the token is in the mail alone.
create table "user".email_changes (
  token_hash   text primary key,
  account_id   text not null references "user".profiles,
  -- Forgotten once the change has ended.
  new_email    text,
  requested_at timestamptz not null,
  expires_at   timestamptz not null,
  ended_at     timestamptz
);
create index email_changes_account on "user".email_changes (account_id, requested_at desc);
create index email_changes_requested on "user".email_changes (requested_at);

-- Who belongs where, as the organization service tells. Who has left stays as a row without a role, so that older news
-- arriving late brings nobody back.
create table "user".memberships (
  organization_id text not null,
  account_id      text not null,
  role            text,
  sequence        bigint not null,
  primary key (organization_id, account_id)
);
create index memberships_account on "user".memberships (account_id);
call hub.protect_tenant('"user".memberships');
