import { fromEpochMilliseconds, toZonedDateTimeISO } from 'temporal-polyfill/fns/Instant'
import { addDays, toInstant } from 'temporal-polyfill/fns/ZonedDateTime'
import { type Instant, instantOf } from '../../../shared/kernel/time.ts'

/**
 * The same wall-clock time a number of calendar days later, which is not 24 h times days where clocks change.
 *
 * @param timeZone an IANA name. A wall time that a change skips becomes the one an hour later, and of one that
 * it repeats the first counts (Temporal's `compatible` rule, RFC 5545).
 */
export const addCalendarDays = (from: Instant, days: number, timeZone: string): Instant => {
  const zoned = toZonedDateTimeISO(fromEpochMilliseconds(from), timeZone)
  return instantOf(toInstant(addDays(zoned, days)).epochMilliseconds)
}
