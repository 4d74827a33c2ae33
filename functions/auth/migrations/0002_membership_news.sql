-- The newest news of each membership, its end included: what was parked and comes late changes nothing.
create table auth.membership_news (
  account_id      text not null,
  organization_id text not null,
  sequence        bigint not null,
  primary key (account_id, organization_id)
);
call hub.protect_tenant('auth.membership_news');
