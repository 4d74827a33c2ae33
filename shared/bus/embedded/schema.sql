-- The embedded event log (decision 0011). Safe to repeat; run by ensureEventLog as the owner of the database.
create schema if not exists event_log;

create table if not exists event_log.topic (
  name       text primary key,
  partitions integer not null check (partitions between 1 and 1000)
);

-- The end of each partition. Its row lock is held until the append commits, so offsets have no gaps and become
-- visible in order.
create table if not exists event_log.head (
  topic       text not null references event_log.topic,
  partition   integer not null,
  next_offset bigint not null default 0,
  primary key (topic, partition)
) with (fillfactor = 50);

create table if not exists event_log.record (
  topic         text not null,
  partition     integer not null,
  record_offset bigint not null,
  key           bytea,
  value         bytea,
  -- [[name, base64], ...]
  headers       jsonb not null,
  appended_at   timestamptz not null default clock_timestamp(),
  primary key (topic, partition, record_offset)
);
create index if not exists record_appended_at on event_log.record (appended_at);

create table if not exists event_log.member (
  group_name text not null,
  member_id  text not null,
  topics     text[] not null,
  expires_at timestamptz not null,
  primary key (group_name, member_id)
);

-- Where a group stands, and which member holds the partition. Every claim raises the epoch; a commit names the epoch
-- it was claimed with, so what a member does after it lost the partition has no effect.
create table if not exists event_log.position (
  group_name  text not null,
  topic       text not null,
  partition   integer not null,
  next_offset bigint not null,
  owner       text,
  epoch       bigint not null default 0,
  primary key (group_name, topic, partition)
) with (fillfactor = 50);
