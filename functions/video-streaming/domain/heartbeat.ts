/**
 * Which heartbeats have counted: the highest number, and one bit for each of the `BEAT_WINDOW`
 * before it.
 */
export type BeatWindow = { readonly highest: number; readonly seen: number }

/** Heartbeats overtake each other by less than this; an older one counts as repeated. */
export const BEAT_WINDOW = 30

/**
 * The window with this heartbeat counted; undefined when it has counted before (RFC 4303 section
 * 3.4.3 does the same).
 */
export const countBeat = (window: BeatWindow, sequence: number): BeatWindow | undefined => {
  const ahead = sequence - window.highest
  const mask = 2 ** BEAT_WINDOW - 1
  if (ahead > 0)
    return {
      highest: sequence,
      // The former highest moves into the window, unless the step leaves all of it behind.
      seen: ahead > BEAT_WINDOW ? 0 : ((window.seen * 2 + 1) * 2 ** (ahead - 1)) & mask,
    }
  const bit = 2 ** (-ahead - 1)
  const isRepeated = ahead === 0 || -ahead > BEAT_WINDOW || (window.seen & bit) !== 0
  return isRepeated ? undefined : { ...window, seen: window.seen | bit }
}
