-- The position of the newest change of an address in the person's stream: an older one that comes late proves nothing.
alter table organization.accounts add column email_sequence bigint not null default 0;
