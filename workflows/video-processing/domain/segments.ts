import { OutputBroken } from '../errors.ts'

const PACKET_BYTES = 188
const SYNC_BYTE = 0x47

/**
 * The first picture's presentation time in an MPEG-TS segment, in 1/90,000 s (ISO 13818-1,
 * sections 2.4.3.2 and
 * 2.4.3.6): captions are tied to it.
 *
 * @throws OutputBroken if there is none.
 */
export const firstPictureTicks = (segment: Uint8Array): number => {
  const bytes = Buffer.from(segment)
  for (let at = 0; at + PACKET_BYTES <= bytes.length; at += PACKET_BYTES) {
    const ticks = ticksInPacket(bytes.subarray(at, at + PACKET_BYTES))
    if (ticks !== undefined) return ticks
  }
  throw new OutputBroken('output_incomplete', 'The first segment holds no picture.')
}

const ticksInPacket = (packet: Buffer): number | undefined => {
  const startsUnit = ((packet[1] ?? 0) & 0x40) !== 0
  if (packet[0] !== SYNC_BYTE || !startsUnit) return undefined
  const hasAdaptation = ((packet[3] ?? 0) & 0x20) !== 0
  const header = 4 + (hasAdaptation ? 1 + (packet[4] ?? 0) : 0)
  const pes = packet.subarray(header)
  if (pes.length < 14 || pes.readUIntBE(0, 3) !== 1) return undefined
  const isVideo = ((pes[3] ?? 0) & 0xf0) === 0xe0
  const hasTime = ((pes[7] ?? 0) & 0x80) !== 0
  return isVideo && hasTime ? timeAt(pes.subarray(9)) : undefined
}

/** 33 bits in five bytes, with marker bits between. */
const timeAt = (bytes: Buffer): number => {
  const [high = 0, b1 = 0, b2 = 0, b3 = 0, b4 = 0] = bytes
  const middle = (b1 << 7) | (b2 >> 1)
  const low = (b3 << 7) | (b4 >> 1)
  return ((high >> 1) & 0x07) * 2 ** 30 + middle * 2 ** 15 + low
}

/**
 * How much of the declared length may be missing: containers round, and the last frame may not
 * count.
 */
const MISSING_MS_MAX = 1_000
const MISSING_SHARE_MAX = 0.01
/** Renditions may differ by a frame or two. */
const APART_MS_MAX = 500

/** @throws OutputBroken if a rendition is shorter than its source, or not as long as the others. */
export const checkDurations = (renditionsMs: readonly number[], sourceMs: number): void => {
  const shortest = Math.min(...renditionsMs)
  if (sourceMs - shortest > MISSING_MS_MAX + sourceMs * MISSING_SHARE_MAX)
    throw new OutputBroken(
      'truncated',
      `The file is cut off or damaged: ${inSeconds(shortest)} of ${inSeconds(sourceMs)} seconds ` +
        'could be read.',
    )
  if (Math.max(...renditionsMs) - shortest > APART_MS_MAX)
    throw new OutputBroken('output_incomplete', 'The renditions are not equally long.')
}

const inSeconds = (ms: number): string => (ms / 1_000).toFixed(1)
