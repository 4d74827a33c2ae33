-- The publisher leases a stream instead of locking it while it sends (decision 0010): a writer of the same aggregate
-- never waits for the log. Null is free; a lease that has run out is free too.
alter table outbox_stream
  add column claimed_by text,
  add column claimed_until timestamptz;
