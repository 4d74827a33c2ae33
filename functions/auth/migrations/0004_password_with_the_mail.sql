-- Whoever follows the mail sets the password (decision 0061): before that there is none, and no token carries one.
alter table auth.accounts alter column password_hash drop not null;
update auth.accounts set password_hash = null where verified_at is null;
alter table auth.mail_tokens drop column password_hash;
