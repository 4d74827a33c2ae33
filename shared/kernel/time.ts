import * as z from 'zod'

declare const instant: unique symbol

/** Unix time in milliseconds. ISO 8601 with `Z` on the wire, `timestamptz` in Postgres. */
export type Instant = number & { readonly [instant]: true }

export const SECOND_MS = 1_000
export const MINUTE_MS = 60 * SECOND_MS
export const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS

/** Says what time it is. Only doors own one; rules are handed an {@link Instant}. */
export type Clock = () => Instant

// The only place that reads the machine's clock (style 3.4).
export const systemClock: Clock = () => Date.now() as Instant

export const instantOf = (date: Date | string | number): Instant =>
  new Date(date).getTime() as Instant

export const toDate = (at: Instant): Date => new Date(at)

export const toIso = (at: Instant): string => new Date(at).toISOString()

export const toIsoOrNull = (at: Instant | null): string | null => (at === null ? null : toIso(at))

/** `at` plus a duration in milliseconds. Calendar arithmetic ("+7 days" in a zone) is not this. */
export const addMs = (at: Instant, durationMs: number): Instant => (at + durationMs) as Instant

/** The end of what began at `beginning`: nothing lasts a negative time, though another machine's clock is ahead. */
export const notBefore = (beginning: Instant, end: Instant): Instant =>
  end < beginning ? beginning : end

/**
 * An ISO 8601 instant with `Z`, as the wire carries it. Years below 1000 are refused: what Postgres writes of the
 * first ones, `Date` does not read, or reads as another century.
 */
export const isoSchema = z.iso
  .datetime({ offset: false, local: false })
  .refine((iso) => !iso.startsWith('0'), { error: 'must not lie before the year 1000' })
  .meta({ examples: ['2026-01-31T09:30:00.000Z'] })

/** An IANA zone name that this runtime knows (`Europe/Paris`). */
export const timeZoneSchema = z
  .string()
  .max(64)
  .refine((zone) => isTimeZone(zone), { error: 'must be an IANA time zone' })
  .meta({ examples: ['Europe/Paris'] })

const isTimeZone = (zone: string): boolean => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return true
  } catch {
    return false
  }
}
