-- An archived quiz takes no new attempts: a lesson that shows it is not published any more. Final, so any order will do.
alter table content.assessments add column is_archived boolean not null default false;
