-- A course is one row that editors change, and immutable versions that learners are pinned to.
create table course.courses (
  course_id            text primary key,
  organization_id      text not null,
  slug                 text not null,
  title                text not null,
  summary              text not null,
  description          text not null,
  language             text not null,
  visibility           text not null check (visibility in ('public', 'unlisted', 'private')),
  category_ids         text[] not null,
  prerequisite_ids     text[] not null,
  instructor_ids       text[] not null check (cardinality(instructor_ids) between 1 and 20),
  outline              jsonb not null,
  completion_rule      jsonb not null,
  certificate_rule     jsonb not null,
  revision             integer not null check (revision > 0),
  created_at           timestamptz not null,
  archived_at          timestamptz,
  published_version_id text,
  published_number     integer,
  published_revision   integer,
  published_at         timestamptz
);
create index courses_catalogue on course.courses (organization_id, published_at desc, course_id desc)
  where published_at is not null and archived_at is null;
create index courses_instructors on course.courses using gin (instructor_ids);
call hub.protect_tenant('course.courses');

create table course.versions (
  version_id       text primary key,
  course_id        text not null references course.courses,
  organization_id  text not null,
  number           integer not null,
  title            text not null,
  summary          text not null,
  description      text not null,
  language         text not null,
  category_ids     text[] not null,
  prerequisite_ids text[] not null,
  items            jsonb not null,
  completion_rule  jsonb not null,
  certificate_rule jsonb not null,
  published_at     timestamptz not null,
  search           tsvector generated always as
    (setweight(to_tsvector('simple', title), 'A') || setweight(to_tsvector('simple', summary), 'B')) stored,
  unique (course_id, number)
);
create index versions_search on course.versions using gin (search);
call hub.protect_tenant('course.versions');

-- Present and former slugs: a former one leads on and is nobody else's.
create table course.slugs (
  organization_id text not null,
  slug            text not null,
  course_id       text not null references course.courses,
  constraint slugs_taken primary key (organization_id, slug)
);
call hub.protect_tenant('course.slugs');

create table course.categories (
  category_id     text primary key,
  organization_id text not null,
  slug            text not null,
  name            text not null,
  constraint categories_slug unique (organization_id, slug)
);
call hub.protect_tenant('course.categories');

-- Who learns in a private course (fed by enrollment's events): they may know of it.
create table course.learners (
  course_id       text not null,
  account_id      text not null,
  organization_id text not null,
  primary key (course_id, account_id)
);
call hub.protect_tenant('course.learners');
