-- One video per uploaded file of kind video. What is live is one number: publishing is one update.
create table video_processing.videos (
  video_id          text primary key,
  media_id          text not null unique,
  organization_id   text not null,
  owner_id          text not null,
  bucket            text not null,
  source_key        text not null,
  source_bytes      bigint not null,
  last_version      integer not null check (last_version > 0),
  live_version      integer,
  captions_revision integer not null default 0,
  created_at        timestamptz not null,
  deleted_at        timestamptz
);
create index videos_newest on video_processing.videos (organization_id, video_id desc);
call hub.protect_tenant('video_processing.videos');

-- One run of the pipeline. It belongs to the execution that it names, for as long as the lease
-- says.
create table video_processing.processings (
  video_id          text not null references video_processing.videos,
  version           integer not null,
  organization_id   text not null,
  state             text not null check (state in ('queued', 'processing', 'ready', 'failed', 'cancelled', 'superseded')),
  stage             text not null,
  percent           integer not null check (percent between 0 and 100),
  execution_name    text not null,
  executions        integer not null check (executions > 0),
  encodings         integer not null,
  job_id            text,
  traceparent       text not null,
  lease_expires_at  timestamptz,
  source            jsonb,
  rungs             jsonb,
  output            jsonb,
  reason_code       text,
  reason            text,
  started_at        timestamptz not null,
  finished_at       timestamptz,
  -- When its files are removed (again); null while they are wanted, or when nothing is left.
  sweep_at          timestamptz,
  sweeps            integer not null default 0,
  primary key (video_id, version),
  check ((lease_expires_at is not null) = (state in ('queued', 'processing'))),
  check ((output is not null) or state not in ('ready', 'superseded')),
  check ((reason is not null) = (state = 'failed'))
);
-- At most one run of a video at a time.
create unique index processings_running on video_processing.processings (video_id)
  where state in ('queued', 'processing');
create index processings_lease on video_processing.processings (lease_expires_at) where lease_expires_at is not null;
create index processings_sweep on video_processing.processings (sweep_at) where sweep_at is not null;
call hub.protect_tenant('video_processing.processings');

-- Uploaded captions files that a video may show.
create table video_processing.caption_files (
  media_id        text primary key,
  organization_id text not null,
  owner_id        text not null,
  key             text not null
);
call hub.protect_tenant('video_processing.caption_files');

-- The text is kept here, so that a later run does not depend on a file that somebody may have
-- deleted.
create table video_processing.captions (
  video_id        text not null references video_processing.videos,
  language        text not null,
  organization_id text not null,
  media_id        text not null,
  label           text not null,
  web_vtt         text not null,
  primary key (video_id, language)
);
call hub.protect_tenant('video_processing.captions');
