-- A mail belongs to the trace of what it tells of, though it is sent by a run of its own.
alter table notification.deliveries add column trace_id text;
