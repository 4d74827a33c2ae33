-- Who belongs to the organisation (fed by organization's events): staff enrol members alone. Who has left stays as a
-- row, so that older news arriving late brings nobody back.
create table enrollment.memberships (
  organization_id text not null,
  account_id      text not null,
  is_member       boolean not null,
  -- When it was last heard here that they left: no enrolment from before it stays, though they may be back.
  left_at         timestamptz,
  sequence        bigint not null,
  primary key (organization_id, account_id)
);
create index memberships_left on enrollment.memberships (organization_id, account_id)
  where left_at is not null;
call hub.protect_tenant('enrollment.memberships');
