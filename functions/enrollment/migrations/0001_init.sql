-- Whose a course is (fed by course's events).
call hub.create_course_refs('enrollment');

-- What the published version of a course asks for, beside the course ref.
create table enrollment.prerequisites (
  course_id        text primary key,
  organization_id  text not null,
  version_id       text not null,
  prerequisite_ids text[] not null,
  sequence         bigint not null
);
call hub.protect_tenant('enrollment.prerequisites');

-- Who has completed what (fed by progress's events): the first completion stays.
create table enrollment.completions (
  account_id      text not null,
  course_id       text not null,
  organization_id text not null,
  completed_at    timestamptz not null,
  primary key (account_id, course_id)
);
call hub.protect_tenant('enrollment.completions');

-- The settings of a course and how many learn in it. Whoever enrols or ends an enrolment locks this row first, so
-- that the count is exact and capacity holds under races.
create table enrollment.offerings (
  course_id              text primary key,
  organization_id        text not null,
  capacity               integer check (capacity >= 0),
  opens_at               timestamptz,
  closes_at              timestamptz,
  access_days            integer check (access_days > 0),
  time_zone              text not null,
  enforces_prerequisites boolean not null,
  active_count           integer not null check (active_count >= 0)
);
call hub.protect_tenant('enrollment.offerings');

create table enrollment.enrollments (
  enrollment_id   text primary key,
  course_id       text not null references enrollment.offerings,
  organization_id text not null,
  account_id      text not null,
  version_id      text not null,
  enrolled_at     timestamptz not null,
  starts_at       timestamptz not null,
  ends_at         timestamptz,
  ended_at        timestamptz,
  end_reason      text check (end_reason in ('unenrolled', 'removed', 'expired', 'revoked')),
  check ((ended_at is null) = (end_reason is null))
);
create unique index enrollments_active on enrollment.enrollments (account_id, course_id)
  where ended_at is null;
create index enrollments_expiring on enrollment.enrollments (ends_at, enrollment_id)
  where ended_at is null and ends_at is not null;
create index enrollments_account on enrollment.enrollments (account_id, enrollment_id desc);
create index enrollments_course on enrollment.enrollments (course_id, enrollment_id desc);
call hub.protect_tenant('enrollment.enrollments');

-- Why somebody has access; access is any live one.
create table enrollment.entitlements (
  entitlement_id  text primary key,
  enrollment_id   text not null references enrollment.enrollments,
  organization_id text not null,
  source          text not null
    check (source in ('self', 'staff', 'code', 'licence', 'order', 'subscription')),
  source_ref      text not null,
  starts_at       timestamptz not null,
  ends_at         timestamptz,
  revoked_at      timestamptz,
  check (ends_at is null or ends_at > starts_at)
);
create index entitlements_enrollment on enrollment.entitlements (enrollment_id);
create unique index entitlements_source on enrollment.entitlements (enrollment_id, source, source_ref)
  where revoked_at is null;
create index entitlements_ref on enrollment.entitlements (source_ref)
  where revoked_at is null and source_ref <> '';
call hub.protect_tenant('enrollment.entitlements');

create table enrollment.codes (
  code_id         text primary key,
  code            text not null constraint codes_code unique,
  course_id       text not null references enrollment.offerings,
  organization_id text not null,
  uses_max        integer not null check (uses_max > 0),
  uses            integer not null check (uses between 0 and uses_max),
  expires_at      timestamptz,
  disabled_at     timestamptz,
  created_by      text not null,
  created_at      timestamptz not null
);
create index codes_course on enrollment.codes (course_id, code_id desc);
call hub.protect_tenant('enrollment.codes');

-- Licence seats of a course that has no version here yet: they count once course.published arrives.
create table enrollment.waiting_seats (
  seat_id         text primary key,
  organization_id text not null,
  course_id       text not null,
  account_id      text not null,
  claimed_at      timestamptz not null
);
create index waiting_seats_course on enrollment.waiting_seats (course_id);
call hub.protect_tenant('enrollment.waiting_seats');
