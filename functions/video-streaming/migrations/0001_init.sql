call hub.create_learner_access('video_streaming');

-- The newest finished processing of each video: new grants get it, running ones keep theirs. A deleted video leaves its
-- row, so that late news of its processing cannot bring it back.
create table video_streaming.videos (
  media_id        text primary key,
  organization_id text not null,
  owner_id        text,
  rendition       jsonb,
  version         integer not null,
  is_deleted      boolean not null
);
call hub.protect_tenant('video_streaming.videos');

-- One row a viewer: the lock under which their grants are counted.
create table video_streaming.viewers (
  account_id      text not null,
  organization_id text not null,
  primary key (account_id, organization_id)
);
call hub.protect_tenant('video_streaming.viewers');

create table video_streaming.grants (
  playback_id      text primary key,
  account_id       text not null,
  organization_id  text not null,
  media_id         text not null,
  enrollment_id    text,
  lesson           jsonb,
  rendition        jsonb not null,
  created_at       timestamptz not null,
  expires_at       timestamptz not null,
  last_seen_at     timestamptz not null,
  ended_at         timestamptz,
  end_reason       text check (end_reason in ('closed', 'device_limit', 'access_ended', 'media_deleted')),
  beats            jsonb not null
);
create index grants_running on video_streaming.grants (account_id) where ended_at is null;
create index grants_enrollment on video_streaming.grants (enrollment_id) where ended_at is null;
create index grants_media on video_streaming.grants (media_id) where ended_at is null;
call hub.protect_tenant('video_streaming.grants');

create table video_streaming.watched (
  account_id            text not null,
  lesson_id             text not null,
  media_id              text not null,
  course_id             text not null,
  organization_id       text not null,
  intervals             jsonb not null,
  coverage_basis_points integer not null check (coverage_basis_points between 0 and 10000),
  position_ms           bigint not null,
  credit_ms             bigint not null check (credit_ms >= 0),
  credited_at           timestamptz not null,
  told_basis_points     integer not null,
  told_position_ms      bigint not null,
  primary key (account_id, lesson_id, media_id)
);
call hub.protect_tenant('video_streaming.watched');
