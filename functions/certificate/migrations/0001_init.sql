-- A certificate, from the moment it is asked for. What it says is the snapshot: taken once.
create table certificate.certificates (
  certificate_id   text primary key,
  account_id       text not null,
  course_id        text not null,
  organization_id  text not null,
  enrollment_id    text not null,
  version_id       text not null,
  completed_at     timestamptz not null,
  number           integer not null check (number > 0),
  state            text not null check (state in ('issuing', 'withheld', 'failed', 'issued', 'revoked', 'superseded')),
  run              integer not null check (run > 0),
  requested_at     timestamptz not null,
  traceparent      text not null,
  check_at         timestamptz,
  supersedes_id    text references certificate.certificates,
  superseded_by_id text references certificate.certificates,
  snapshot         jsonb,
  credential       text,
  pdf              jsonb,
  reason_code      text,
  reason           text,
  ended_at         timestamptz,
  -- Once per learner and course; a reissue takes the next number.
  constraint certificates_number unique (account_id, course_id, number),
  check ((check_at is not null) = (state = 'issuing')),
  -- Nothing is half issued.
  check (state not in ('issued', 'revoked', 'superseded')
         or (snapshot is not null and credential is not null and pdf is not null)),
  check ((ended_at is not null) = (state in ('withheld', 'failed', 'revoked', 'superseded')))
);
create index certificates_learner on certificate.certificates (account_id, requested_at desc, certificate_id desc);
create index certificates_course on certificate.certificates (course_id, requested_at desc, certificate_id desc);
create index certificates_check on certificate.certificates (check_at) where check_at is not null;
call hub.protect_tenant('certificate.certificates');

-- Published versions, as far as a certificate speaks of them (from course.published).
create table certificate.versions (
  version_id       text primary key,
  course_id        text not null,
  organization_id  text not null,
  number           integer not null,
  title            text not null,
  certificate_rule jsonb not null,
  graded_by        text[] not null
);
call hub.protect_tenant('certificate.versions');

-- Standing results (from attempt.graded); the greatest number counts.
create table certificate.grades (
  account_id         text not null,
  assessment_id      text not null,
  organization_id    text not null,
  grade_basis_points integer not null,
  result_number      bigint not null,
  primary key (account_id, assessment_id)
);
call hub.protect_tenant('certificate.grades');

-- Names and addresses of persons, who belong to no organisation. Sign-up comes before every change (sequence 0).
create table certificate.people (
  account_id text primary key,
  name       text,
  email      text,
  sequence   bigint not null
);

-- No wall: a name is no secret, and a sub-organisation is announced under its parent's tenant.
create table certificate.organizations (
  organization_id text primary key,
  name            text not null,
  sequence        bigint not null
);

call hub.create_course_refs('certificate');

-- Public parts stay for ever; the private one goes when the key is retired.
create table certificate.signing_keys (
  key_id         text primary key,
  public_jwk     jsonb not null,
  private_sealed text,
  active_from    timestamptz not null
);

-- Whoever makes or retires a key holds this one row meanwhile.
create table certificate.key_ring (single boolean primary key default true check (single));
insert into certificate.key_ring default values;
