-- The newest news of each membership: what was parked and comes late takes nobody off a course.
create table course.membership_news (
  organization_id text not null,
  account_id      text not null,
  sequence        bigint not null,
  primary key (organization_id, account_id)
);
call hub.protect_tenant('course.membership_news');
