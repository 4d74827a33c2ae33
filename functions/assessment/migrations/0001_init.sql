-- Questions with their keys. A change writes the next version; attempts keep the one they began with.
create table assessment.questions (
  question_id     text primary key,
  course_id       text not null,
  organization_id text not null,
  version         integer not null check (version > 0),
  kind            text not null,
  created_at      timestamptz not null,
  archived_at     timestamptz
);
create index questions_bank on assessment.questions (course_id, question_id desc) where archived_at is null;
call hub.protect_tenant('assessment.questions');

create table assessment.question_versions (
  question_id     text not null references assessment.questions,
  version         integer not null,
  organization_id text not null,
  content         jsonb not null,
  author_id       text not null,
  created_at      timestamptz not null,
  primary key (question_id, version)
);
call hub.protect_tenant('assessment.question_versions');

create table assessment.assessments (
  assessment_id          text primary key,
  course_id              text not null,
  organization_id        text not null,
  title                  text not null,
  instructions           text not null,
  sections               jsonb not null,
  -- Of all sections: tells whether a question is in use.
  question_ids           text[] not null,
  shuffles_questions     boolean not null,
  shuffles_options       boolean not null,
  attempts_max           integer not null check (attempts_max between 1 and 100),
  time_limit_seconds     integer,
  opens_at               timestamptz,
  closes_at              timestamptz,
  pass_mark_basis_points integer not null check (pass_mark_basis_points between 0 and 10000),
  policy                 text not null check (policy in ('best', 'last')),
  release                text not null check (release in ('automatic', 'manual')),
  feedback               jsonb not null,
  revision               integer not null check (revision > 0),
  created_at             timestamptz not null,
  archived_at            timestamptz
);
create index assessments_of_course on assessment.assessments (course_id, assessment_id desc);
create index assessments_questions on assessment.assessments using gin (question_ids)
  where archived_at is null;
call hub.protect_tenant('assessment.assessments');

-- One row a learner and assessment. Whoever changes an attempt locks it first, so that starting, submitting,
-- sweeping and grading take turns; it holds the result as well.
create table assessment.standings (
  assessment_id      text not null references assessment.assessments,
  account_id         text not null,
  organization_id    text not null,
  attempts_used      integer not null check (attempts_used between 0 and 100),
  result_number      integer not null,
  grade_basis_points integer check (grade_basis_points between 0 and 10000),
  is_passed          boolean,
  primary key (assessment_id, account_id)
);
call hub.protect_tenant('assessment.standings');

create table assessment.attempts (
  attempt_id             text primary key,
  assessment_id          text not null references assessment.assessments,
  course_id              text not null,
  organization_id        text not null,
  account_id             text not null,
  number                 integer not null,
  state                  text not null check (state in ('in_progress', 'submitted', 'graded', 'released')),
  seed                   text not null,
  pass_mark_basis_points integer not null,
  release                text not null,
  started_at             timestamptz not null,
  deadline               timestamptz,
  submitted_at           timestamptz,
  submitted_by           text check (submitted_by in ('learner', 'deadline')),
  released_at            timestamptz,
  revision               integer not null,
  save_fingerprint       text,
  grade_basis_points     integer check (grade_basis_points between 0 and 10000),
  override               jsonb,
  unique (assessment_id, account_id, number)
);
create unique index attempts_one_in_progress on assessment.attempts (assessment_id, account_id)
  where state = 'in_progress';
create index attempts_overdue on assessment.attempts (deadline, attempt_id) where state = 'in_progress';
create index attempts_by_state on assessment.attempts (assessment_id, state, attempt_id);
call hub.protect_tenant('assessment.attempts');

create table assessment.attempt_items (
  attempt_id      text not null references assessment.attempts,
  question_id     text not null,
  organization_id text not null,
  position        integer not null,
  version         integer not null,
  points          integer not null check (points > 0),
  item_order      jsonb not null,
  answer          jsonb,
  credit_earned   integer,
  credit_of       integer,
  comment         text,
  graded_by_id    text,
  grade_revision  integer not null,
  primary key (attempt_id, question_id),
  foreign key (question_id, version) references assessment.question_versions,
  check (credit_earned between 0 and credit_of)
);
call hub.protect_tenant('assessment.attempt_items');

create table assessment.accommodations (
  course_id                text not null,
  account_id               text not null,
  organization_id          text not null,
  time_factor_basis_points integer not null check (time_factor_basis_points between 10000 and 100000),
  primary key (course_id, account_id)
);
call hub.protect_tenant('assessment.accommodations');

call hub.create_course_refs('assessment');
call hub.create_learner_access('assessment');
