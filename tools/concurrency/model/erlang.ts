/**
 * Loss systems: who finds every place taken is refused and does not wait, as Lambda does with synchronous calls.
 *
 * The formula is Erlang's first (A. K. Erlang, 1917): for Poisson arrivals it holds for any distribution of durations
 * (insensitivity), so a mean is all it needs of them.
 * Recursion: ITU-D SG 2/16, Teletraffic Engineering Handbook, chapter 7.
 */

/** More places than any account has by default; a search beyond it is a mistake in its input. */
const PLACES_MAX = 1_000_000

/**
 * The probability that an arrival is refused, by the recursion B(0) = 1, B(n) = A B(n-1) / (n + A B(n-1)), which is
 * stable for every load.
 *
 * @param load offered, in erlangs: arrivals per second times mean seconds (Little's law).
 * @param places whole number; 0 refuses everybody.
 */
export const erlangB = (load: number, places: number): number => {
  if (!(load >= 0) || !Number.isFinite(load)) throw new RangeError(`${load} is no offered load`)
  if (!Number.isInteger(places) || places < 0) throw new RangeError(`${places} is no number`)
  if (load === 0) return places === 0 ? 1 : 0
  let blocked = 1
  for (let place = 1; place <= places && blocked > 0; place += 1)
    blocked = (load * blocked) / (place + load * blocked)
  return blocked
}

/** The fewest places that refuse at most `blockedMax` of the arrivals. */
export const placesFor = (load: number, blockedMax: number): number => {
  if (!(blockedMax > 0 && blockedMax < 1)) throw new RangeError(`${blockedMax} is no probability`)
  if (!(load >= 0) || !Number.isFinite(load)) throw new RangeError(`${load} is no offered load`)
  if (load === 0) return 0
  let blocked = 1
  for (let place = 1; place <= PLACES_MAX; place += 1) {
    blocked = (load * blocked) / (place + load * blocked)
    if (blocked <= blockedMax) return place
  }
  throw new RangeError(`A load of ${load} erlangs needs more than ${PLACES_MAX} places`)
}
