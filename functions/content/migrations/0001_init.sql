call hub.create_course_refs('content');
call hub.create_learner_access('content');

-- A lesson points at its newest revision; what it holds stands there.
create table content.lessons (
  lesson_id       text primary key,
  course_id       text not null,
  organization_id text not null,
  revision        integer not null check (revision > 0),
  created_at      timestamptz not null,
  deleted_at      timestamptz
);
create index lessons_course on content.lessons (course_id, lesson_id) where deleted_at is null;
call hub.protect_tenant('content.lessons');

-- Every save. Rows are only ever added.
create table content.revisions (
  lesson_id       text not null references content.lessons,
  revision        integer not null check (revision > 0),
  organization_id text not null,
  title           text not null,
  blocks          jsonb not null,
  completion      jsonb not null,
  author_id       text not null,
  created_at      timestamptz not null,
  restored_from   integer,
  primary key (lesson_id, revision)
);
call hub.protect_tenant('content.revisions');

-- Live lessons of a course: the counter is the lock that keeps the limit under a race.
create table content.lesson_counts (
  course_id       text primary key,
  organization_id text not null,
  lessons         integer not null check (lessons >= 0)
);
call hub.protect_tenant('content.lesson_counts');

-- Which revision of each lesson a published version of a course shows: { lessonId: revision }.
create table content.versions (
  version_id      text primary key,
  course_id       text not null,
  organization_id text not null,
  pins            jsonb not null
);
call hub.protect_tenant('content.versions');

-- What is remembered of uploads and their videos, for readiness.
create table content.media (
  media_id        text primary key,
  organization_id text not null,
  kind            text,
  is_deleted      boolean not null,
  video           jsonb
);
call hub.protect_tenant('content.media');

create table content.assessments (
  assessment_id   text primary key,
  course_id       text not null,
  organization_id text not null
);
call hub.protect_tenant('content.assessments');
