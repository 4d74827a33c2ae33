-- Once a database, before any service: what row-level security needs.
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

-- Opens every transaction of a service: whose rows it sees. A server that takes no writes is refused (decision 0014).
create or replace function hub.enter(tenant text) returns void
  language plpgsql as $$
begin
  if current_setting('transaction_read_only')::boolean then
    raise exception 'the server takes no writes' using errcode = 'read_only_sql_transaction';
  end if;
  perform set_config('hub.tenant', tenant, true);
end $$;

grant usage on schema hub to public;

-- What other services remember of a course (shared/projection/course-refs.ts), one table per schema that wants it.
create or replace procedure hub.create_course_refs(schema_name text)
  language plpgsql as $$
begin
  execute format('
    create table %1$I.course_refs (
      course_id            text primary key,
      organization_id      text not null,
      title                text not null,
      visibility           text not null,
      instructor_ids       text[] not null,
      published_version_id text,
      archived_at          timestamptz,
      sequence             bigint not null
    )', schema_name);
  call hub.protect_tenant(format('%I.course_refs', schema_name)::regclass);
end $$;

-- Who has access to which course, and on which version (shared/projection/learner-access.ts).
create or replace procedure hub.create_learner_access(schema_name text)
  language plpgsql as $$
begin
  execute format('
    create table %1$I.learner_access (
      enrollment_id   text primary key,
      course_id       text not null,
      account_id      text not null,
      organization_id text not null,
      version_id      text not null,
      starts_at       timestamptz not null,
      ends_at         timestamptz,
      is_active       boolean not null,
      sequence        bigint not null
    );
    create index learner_access_account on %1$I.learner_access (account_id, course_id)',
    schema_name);
  call hub.protect_tenant(format('%I.learner_access', schema_name)::regclass);
end $$;
