-- Name and address are told apart: late news of one is not stale because the other is newer.
alter table certificate.people
  add column name_sequence bigint not null default 0,
  add column email_sequence bigint not null default 0;
update certificate.people set name_sequence = sequence, email_sequence = sequence;
