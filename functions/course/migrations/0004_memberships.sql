-- Who belongs to the organisation: only members are made instructors. What was remembered before did not say; rbac gives
-- nothing to who has left, so all are taken for members.
alter table course.membership_news rename to memberships;
alter table course.memberships add column is_member boolean not null default true;
alter table course.memberships alter column is_member drop default;
