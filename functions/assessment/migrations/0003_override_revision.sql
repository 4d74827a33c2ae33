-- Two who override one grade at once are told apart by it.
alter table assessment.attempts add column override_revision integer not null default 0;
