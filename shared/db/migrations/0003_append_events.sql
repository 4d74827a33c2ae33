-- Events go from a transaction to its outbox in one call, made in the very request that commits. The function's plans are
-- kept by the session, which a statement without a name has not.
--
-- `events` is an array of { subject, topic, envelope }, sorted by subject: streams are locked in one order, so that two
-- transactions cannot wait for each other.
do $migration$ begin
  execute format($function$
    create function %1$I.append_events(events jsonb) returns void language plpgsql as $$
    declare
      event record;
      number bigint;
    begin
      for event in
        select * from jsonb_to_recordset(events) as event (subject text, topic text, envelope jsonb)
      loop
        insert into %1$I.outbox_stream as stream (aggregate_id, last_seq) values (event.subject, 1)
          on conflict (aggregate_id) do update set last_seq = stream.last_seq + 1
          returning last_seq into number;
        insert into %1$I.outbox (aggregate_id, seq, topic, envelope) values
          (event.subject, number, event.topic, event.envelope || jsonb_build_object('sequence', number));
      end loop;
    end $$
  $function$, current_schema());
end $migration$;

-- Whatever appends an event has just written its stream: looking for it once more costs each write a lock and a query.
alter table outbox drop constraint outbox_aggregate_id_fkey;
