-- An operator may give a dead letter up: who, when and why stay with the row, and it is neither parked nor redriven any more.
alter table dead_letter
  add column discarded_at timestamptz,
  add column discarded_by text,
  add column discard_reason text,
  add constraint dead_letter_discard_is_whole
    check (num_nulls(discarded_at, discarded_by, discard_reason) in (0, 3));
