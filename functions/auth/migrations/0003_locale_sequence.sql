-- Of the newest profile: what was parked and comes late changes no language.
alter table auth.accounts add column locale_sequence bigint not null default 0;
