-- An account is one person with one address. Nothing here is an organisation's: sessions only name the active one.
create table auth.accounts (
  account_id     text primary key,
  email          text not null,
  -- NFKC and lower case: how addresses are compared.
  email_key      text not null constraint accounts_email unique,
  password_hash  text not null,
  locale         text not null,
  created_at     timestamptz not null,
  verified_at    timestamptz,
  deactivated_at timestamptz
);

-- A session is a family of refresh tokens; its row is the lock of the family.
create table auth.sessions (
  session_id             text primary key,
  account_id             text not null references auth.accounts,
  active_organization_id text not null,
  user_agent             text not null,
  created_at             timestamptz not null,
  last_used_at           timestamptz not null,
  expires_at             timestamptz not null,
  revoked_at             timestamptz
);
create index sessions_live on auth.sessions (account_id, session_id desc) where revoked_at is null;
create index sessions_expires_at on auth.sessions (expires_at);

-- A used token keeps its successor, sealed with a key that only the used token itself gives.
create table auth.refresh_tokens (
  token_hash       text primary key,
  session_id       text not null references auth.sessions on delete cascade,
  expires_at       timestamptz not null,
  used_at          timestamptz,
  successor_sealed text,
  check ((used_at is null) = (successor_sealed is null))
);
create index refresh_tokens_session on auth.refresh_tokens (session_id);
create index refresh_tokens_expires_at on auth.refresh_tokens (expires_at);

-- Deferrable, because an address that nobody has costs the same statements, undone before the check (store.ts).
create table auth.mail_tokens (
  token_hash    text primary key,
  account_id    text not null references auth.accounts deferrable initially deferred,
  purpose       text not null check (purpose in ('verify', 'reset')),
  -- The password of the very sign-up that this mail confirms.
  password_hash text check ((password_hash is null) = (purpose = 'reset')),
  expires_at    timestamptz not null
);
create index mail_tokens_account on auth.mail_tokens (account_id);
create index mail_tokens_expires_at on auth.mail_tokens (expires_at);

-- Keys are hashes: who tried what is not to be read here.
create table auth.throttles (
  bucket        text primary key,
  attempts      integer not null,
  last_at       timestamptz not null,
  blocked_until timestamptz not null
);
create index throttles_last_at on auth.throttles (last_at);

-- Who belongs where, as the organisation service tells it.
create table auth.memberships (
  account_id      text not null,
  organization_id text not null,
  primary key (account_id, organization_id)
);
call hub.protect_tenant('auth.memberships');

create table auth.signing_keys (
  key_id         text primary key,
  public_jwk     jsonb not null,
  private_sealed text not null,
  active_from    timestamptz not null
);

-- Whoever makes a signing key holds this one row meanwhile, so that a hundred first sign-ins make one.
create table auth.key_ring (single boolean primary key default true check (single));
insert into auth.key_ring default values;
