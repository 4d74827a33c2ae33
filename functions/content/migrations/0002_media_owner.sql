-- Whose upload it is: only its owner brings it into a course. Null until its upload has been told.
alter table content.media add column owner_id text;
