-- Who has given up their account (fed by user's events): an owner who can never come in again does not count as one.
create table organization.departed (account_id text primary key);
