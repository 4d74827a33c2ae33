-- Whom we write to: addresses, names and languages as the auth and user services tell them. Two topics, so each group
-- of columns carries the time of the event that it came from, and the later one counts.
create table notification.contacts (
  account_id     text primary key,
  email          text,
  email_at       timestamptz,
  name           text not null default '',
  locale         text not null default 'en',
  time_zone      text not null default 'UTC',
  profile_at     timestamptz,
  deactivated_at timestamptz
);

-- What people read in the application. Rendered when it is read, so a row holds facts and no sentence.
create table notification.notifications (
  notification_id text primary key,
  account_id      text not null,
  organization_id text,
  dedupe_key      text not null,
  category        text not null,
  template        text not null,
  content         jsonb not null,
  created_at      timestamptz not null,
  read_at         timestamptz,
  constraint notifications_once unique (account_id, dedupe_key)
);
create index notifications_account on notification.notifications (account_id, notification_id desc);
create index notifications_unread on notification.notifications (account_id) where read_at is null;
call hub.protect_tenant('notification.notifications');

-- One mail to one recipient. A sender leases it, sends, and confirms; address and content go when it has ended.
create table notification.deliveries (
  delivery_id     text primary key,
  -- The account, or the hash of the address that the mail is bound to.
  recipient       text not null,
  account_id      text,
  organization_id text,
  dedupe_key      text not null,
  category        text not null,
  template        text not null,
  content         jsonb,
  -- Null: where the account's mails go when it is sent.
  address         text,
  locale          text,
  state           text not null check (state in ('waiting', 'sent', 'skipped', 'failed')),
  reason          text,
  attempts        integer not null default 0,
  due_at          timestamptz not null,
  expires_at      timestamptz,
  lease           text,
  leased_until    timestamptz,
  created_at      timestamptz not null,
  ended_at        timestamptz,
  constraint deliveries_once unique (recipient, dedupe_key),
  check (state <> 'waiting' or account_id is not null or address is not null)
);
create index deliveries_due on notification.deliveries (due_at) where state = 'waiting';
create index deliveries_ended on notification.deliveries (ended_at) where ended_at is not null;
create index deliveries_account on notification.deliveries (account_id) where state = 'waiting';
call hub.protect_tenant('notification.deliveries');

-- A row is a departure from the default, which is "yes".
create table notification.preferences (
  account_id text not null,
  category   text not null,
  channel    text not null check (channel in ('in_app', 'mail')),
  is_enabled boolean not null,
  primary key (account_id, category, channel)
);

-- Addresses, as hashes, that get no mail: all of it after a bounce, what is optional after a complaint, one category
-- after an unsubscription without an account.
create table notification.suppressions (
  address_hash text not null,
  reason       text not null check (reason in ('bounce', 'complaint', 'unsubscribe')),
  -- Empty unless the reason is an unsubscription.
  category     text not null,
  created_at   timestamptz not null,
  expires_at   timestamptz,
  primary key (address_hash, reason, category)
);

call hub.create_course_refs('notification');
