-- Licence seats that were heard of. One that was revoked stays as a row, so that a claim which comes after all (parked, and
-- redriven) opens nothing. A seat that is handed on has an id of its own, so none comes back.
create table enrollment.seats (
  seat_id         text primary key,
  organization_id text not null,
  revoked_at      timestamptz
);
call hub.protect_tenant('enrollment.seats');
