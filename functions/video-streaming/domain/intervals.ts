/** A watched stretch of a video in milliseconds: from, and up to but not with. */
export type Interval = readonly [startMs: number, endMs: number]

/** Intervals that are kept: an honest viewer has a few. Where there are more, the longest stay. */
export const INTERVALS_MAX = 2_000

/** Players report time in steps: a gap as short as this between two stretches was played. */
export const GAP_MS = 500

/**
 * Players stop short of the end: what lies so close to it, or within a twentieth of the video, was
 * played.
 */
export const END_TOLERANCE_MS = 2_000

/** The same set of moments as sorted stretches that neither touch nor overlap. */
export const unite = (intervals: readonly Interval[]): readonly Interval[] =>
  joined(intervals, { gapMs: 0 })

/** The part that lies inside the video. */
export const clamp = (intervals: readonly Interval[], durationMs: number): readonly Interval[] =>
  intervals
    .map(([start, end]): Interval => [Math.max(0, start), Math.min(end, durationMs)])
    .filter(([start, end]) => start < end)

/** @param intervals as {@link unite} gives them. */
export const lengthOf = (intervals: readonly Interval[]): number =>
  intervals.reduce((sum, [start, end]) => sum + end - start, 0)

/** As {@link lengthOf}, with the gaps that count as played. */
export const countedLengthOf = (intervals: readonly Interval[]): number =>
  lengthOf(joined(intervals, { gapMs: GAP_MS }))

/** As `intervals`, or its longest stretches where there are too many to keep. */
export const longest = (intervals: readonly Interval[]): readonly Interval[] =>
  intervals.length <= INTERVALS_MAX
    ? intervals
    : unite(
        intervals
          .toSorted((one, other) => lengthOf([other]) - lengthOf([one]))
          .slice(0, INTERVALS_MAX),
      )

/**
 * The watched part of the video in 1/10,000, rounded down: 10,000 means that nothing is missing but
 * the tolerance.
 *
 * @see SparkDevNetwork/Rock#6828: without tolerance at the end nobody ever completes a video.
 */
export const coverageOf = (intervals: readonly Interval[], durationMs: number): number => {
  const watched = joined(clamp(intervals, durationMs), { gapMs: GAP_MS })
  const toleranceMs = Math.min(END_TOLERANCE_MS, durationMs / 20)
  const reachesEnd = (watched.at(-1)?.[1] ?? 0) >= durationMs - toleranceMs
  const reachesStart = (watched[0]?.[0] ?? durationMs) <= Math.min(GAP_MS, durationMs / 20)
  const missingAtEndMs = reachesEnd ? durationMs - (watched.at(-1)?.[1] ?? 0) : 0
  const missingAtStartMs = reachesStart ? (watched[0]?.[0] ?? 0) : 0
  const coveredMs = lengthOf(watched) + missingAtEndMs + missingAtStartMs
  return Math.floor((coveredMs * 10_000) / durationMs)
}

const joined = (
  intervals: readonly Interval[],
  { gapMs }: { gapMs: number },
): readonly Interval[] => {
  const result: Interval[] = []
  for (const [start, end] of intervals.toSorted((one, other) => one[0] - other[0])) {
    const last = result.at(-1)
    if (last && start <= last[1] + gapMs)
      result[result.length - 1] = [last[0], Math.max(last[1], end)]
    else result.push([start, end])
  }
  return result
}
