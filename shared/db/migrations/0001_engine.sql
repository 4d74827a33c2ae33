-- What every service's schema holds for the engines in shared/: outbox, inbox, dead letters, idempotency keys.
-- Run once per schema, with search_path set to it.

-- One row an aggregate. The publisher claims it FOR UPDATE SKIP LOCKED, so its events leave in order of seq.
create table outbox_stream (
  aggregate_id  text primary key,
  last_seq      bigint not null,
  published_seq bigint not null default 0
);
create index outbox_stream_unpublished on outbox_stream (aggregate_id) where published_seq < last_seq;

create table outbox (
  aggregate_id text not null references outbox_stream,
  seq          bigint not null,
  topic        text not null,
  envelope     jsonb not null,
  created_at   timestamptz not null default now(),
  primary key (aggregate_id, seq)
);

create table inbox (
  consumer     text not null,
  event_id     text not null,
  processed_at timestamptz not null default now(),
  primary key (consumer, event_id)
);
create index inbox_processed_at on inbox (processed_at);

-- What a consumer could not digest, with the reason; `redriven_at` once it went through after all.
create table dead_letter (
  consumer    text not null,
  topic       text not null,
  partition   integer not null,
  record_offset bigint not null,
  event_id    text,
  record      jsonb not null,
  error       text not null,
  attempts    integer not null,
  parked_at   timestamptz not null default now(),
  redriven_at timestamptz,
  primary key (consumer, topic, partition, record_offset)
);

-- The first answer to an Idempotency-Key, stored in the transaction of its effect.
create table idempotency (
  owner       text not null,
  key         text not null,
  fingerprint text not null,
  status      integer,
  answer      jsonb,
  expires_at  timestamptz not null,
  primary key (owner, key)
);
create index idempotency_expires_at on idempotency (expires_at);
