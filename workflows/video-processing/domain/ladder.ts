import type { Rung, Source } from '../../../functions/video-processing/domain/processing.ts'

type Step = { readonly shortPx: number; readonly bitrateMax: number; readonly quality: number }

/**
 * By the short side, so that portrait gets the same as landscape. Bits a second; QVBR levels as
 * AWS's templates.
 */
const STEPS: readonly Step[] = [
  { shortPx: 1_080, bitrateMax: 6_000_000, quality: 8 },
  { shortPx: 720, bitrateMax: 3_500_000, quality: 8 },
  { shortPx: 480, bitrateMax: 1_800_000, quality: 7 },
  { shortPx: 360, bitrateMax: 1_000_000, quality: 7 },
]

/** A source this much larger than the step below it gets a rung of its own size. */
const BETWEEN_STEPS = 1.2
/** Pixels of the longest side of a rung: what players of H.264 level 5.1 show. */
const LONG_PX_MAX = 4_096

/**
 * The renditions of a source, best first, at least one: never above the source, every side even.
 */
export const ladderFor = ({ widthPx, heightPx }: Source): readonly Rung[] => {
  const ratio = Math.max(widthPx, heightPx) / Math.min(widthPx, heightPx)
  const short = Math.min(widthPx, heightPx, LONG_PX_MAX / ratio)
  const below = STEPS.filter(({ shortPx }) => shortPx <= short)
  const [best] = below
  const isBetween =
    short < (STEPS[0]?.shortPx ?? 0) && short >= (best?.shortPx ?? 0) * BETWEEN_STEPS
  const steps = isBetween ? [ownStep(short), ...below] : below
  return steps.map(({ shortPx, bitrateMax, quality }) => {
    const scale = shortPx / Math.min(widthPx, heightPx)
    return {
      widthPx: evenWithin(widthPx * scale, widthPx),
      heightPx: evenWithin(heightPx * scale, heightPx),
      bitrateMax,
      quality,
    }
  })
}

/** A rung of the source's own size, with the bits of the next step above it. */
const ownStep = (shortPx: number): Step => {
  const above = STEPS.findLast((step) => step.shortPx >= shortPx) ?? STEPS[0]
  const { bitrateMax = 0, quality = 0 } = above ?? {}
  return { shortPx, bitrateMax, quality }
}

/**
 * Encoders want even sides of 32 pixels at least; an odd side loses its last line rather than
 * growing.
 */
const evenWithin = (pixels: number, sourcePx: number): number => {
  const rounded = Math.round(pixels / 2) * 2
  return Math.max(32, rounded > sourcePx ? rounded - 2 : rounded)
}
