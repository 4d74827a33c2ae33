-- Once a database, before any service: what row-level security needs (architecture section 5).
-- The second wall behind the rules in code. `hub.tenant` is set by SET LOCAL in every transaction: an organisation,
-- or '*' where an operation stands above organisations. Unset shows nothing: it fails closed.
create schema if not exists hub;

create or replace function hub.tenant_visible(organization_id text) returns boolean
  language sql stable parallel safe
  as $$ select current_setting('hub.tenant', true) in (organization_id, '*') $$;

-- Puts a table with an organization_id behind the wall.
create or replace procedure hub.protect_tenant(protected regclass)
  language plpgsql as $$
begin
  execute format('alter table %s enable row level security', protected);
  execute format(
    'create policy tenant on %s using (hub.tenant_visible(organization_id)) with check (hub.tenant_visible(organization_id))',
    protected
  );
end $$;

grant usage on schema hub to public;
