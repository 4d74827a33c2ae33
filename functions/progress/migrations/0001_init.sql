-- Whose a course is, and who may learn there (fed by events of course and enrollment).
call hub.create_course_refs('progress');
call hub.create_learner_access('progress');

-- The items that a version counts. Versions never change.
create table progress.versions (
  version_id      text primary key,
  course_id       text not null,
  organization_id text not null,
  items           jsonb not null,
  completion_rule jsonb not null
);
call hub.protect_tenant('progress.versions');

-- What a learner has done in a course, whatever the enrolment. Its row is the lock under which facts are taken.
create table progress.learners (
  account_id       text not null,
  course_id        text not null,
  organization_id  text not null,
  coverage         jsonb not null,
  touched          text[] not null,
  resume           jsonb,
  last_activity_at timestamptz,
  primary key (account_id, course_id)
);
call hub.protect_tenant('progress.learners');

-- The log: every fact that moved state, appended and never changed. The tables above and below can be computed
-- from it again.
create table progress.facts (
  account_id      text not null,
  course_id       text not null,
  fact_id         text not null,
  organization_id text not null,
  fact            jsonb not null,
  recorded_at     timestamptz not null,
  primary key (account_id, course_id, fact_id)
);
create index facts_recorded on progress.facts (account_id, course_id, recorded_at desc, fact_id desc);
call hub.protect_tenant('progress.facts');

-- One enrolment: what it has completed, and how far that is on the version that it is pinned to.
create table progress.enrollments (
  enrollment_id    text primary key,
  account_id       text not null,
  course_id        text not null,
  organization_id  text not null,
  version_id       text,
  version_sequence bigint not null,
  is_active        boolean not null,
  ended_at         timestamptz,
  sequence         bigint not null,
  completions      jsonb not null,
  completed_at     timestamptz,
  state            text not null check (state in ('not_started', 'in_progress', 'completed')),
  percent          integer not null check (percent between 0 and 100),
  required_done    integer not null,
  required_total   integer,
  foreign key (account_id, course_id) references progress.learners
);
create index enrollments_learner on progress.enrollments (account_id, course_id);
create index enrollments_account on progress.enrollments (account_id, enrollment_id desc);
create index enrollments_course on progress.enrollments (course_id, enrollment_id desc);
create index enrollments_waiting on progress.enrollments (version_id) where required_total is null;
call hub.protect_tenant('progress.enrollments');
