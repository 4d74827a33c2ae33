-- The uploaded files that were heard of here. One that was deleted stays as a row, so that news of its upload arriving
-- after that begins no video.
create table video_processing.files (
  media_id        text primary key,
  organization_id text not null,
  deleted_at      timestamptz
);
call hub.protect_tenant('video_processing.files');
