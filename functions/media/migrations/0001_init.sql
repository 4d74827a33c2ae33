-- A file from the moment somebody began to upload it. The object in S3 has no name of its own: its
-- key is made of these ids.
create table media.media (
  media_id          text primary key,
  organization_id   text not null,
  owner_id          text not null,
  kind              text not null check (kind in ('video', 'image', 'document', 'audio', 'captions')),
  name              text not null,
  state             text not null check (state in ('uploading', 'ready', 'refused', 'aborted', 'expired', 'deleted')),
  size_bytes        bigint not null check (size_bytes > 0),
  part_size_bytes   bigint not null check (part_size_bytes > 0),
  bucket            text not null,
  key               text not null,
  upload_id         text not null,
  content_type      text,
  sha256            text,
  checksum_verified boolean not null default false,
  refusal           text,
  created_at        timestamptz not null,
  expires_at        timestamptz not null,
  -- When the reaper looks at it next: to expire an upload, or to see that nothing of it is left in
  -- S3. Null: never.
  sweep_at          timestamptz,
  sweeps            integer not null default 0
);
create index media_owner on media.media (organization_id, owner_id, media_id desc);
create index media_sweep on media.media (sweep_at) where sweep_at is not null;
call hub.protect_tenant('media.media');

-- What an organisation may store, stores, and has promised to running uploads. The check is the
-- last wall, the guarded update the first.
create table media.usage (
  organization_id text primary key,
  quota_bytes     bigint not null,
  used_bytes      bigint not null check (used_bytes >= 0),
  reserved_bytes  bigint not null check (reserved_bytes >= 0),
  open_uploads    integer not null check (open_uploads >= 0),
  check (used_bytes + reserved_bytes <= quota_bytes)
);
call hub.protect_tenant('media.usage');

-- What each revision of a lesson shows. A revision counts while it is the newest, or a published
-- version is pinned to it.
create table media.lesson_media (
  lesson_id       text not null,
  revision        integer not null,
  course_id       text not null,
  organization_id text not null,
  media_ids       text[] not null,
  is_newest       boolean not null,
  primary key (lesson_id, revision)
);
create index lesson_media_ids on media.lesson_media using gin (media_ids);
call hub.protect_tenant('media.lesson_media');

create table media.pinned_revisions (
  lesson_id       text not null,
  revision        integer not null,
  organization_id text not null,
  primary key (lesson_id, revision)
);
call hub.protect_tenant('media.pinned_revisions');

-- A person's picture: above organisations, like the person.
create table media.avatars (
  account_id text primary key,
  media_id   text,
  sequence   bigint not null
);
create index avatars_media on media.avatars (media_id);

-- Where the search for objects that nobody knows goes on.
create table media.orphan_scan (
  bucket     text primary key,
  after_key  text,
  scanned_at timestamptz not null
);

call hub.create_course_refs('media');
call hub.create_learner_access('media');
