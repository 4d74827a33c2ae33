/** RFC 6455 section 7.4.1, and 1012 of the IANA registry. */
export const CLOSE_SERVICE_RESTART = 1012
export const CLOSE_POLICY = 1008

/** Follows a server's frames (they are not masked), to know where one ends and another could be put. */
export type FrameBoundary = {
  take(chunk: Buffer): void
  /** Whether the last frame taken is whole. */
  isAtBoundary(): boolean
}

export const followFrames = (): FrameBoundary => {
  // Bytes of the header that is not complete yet: 2, and 2 or 8 for a longer length.
  let header: number[] = []
  let payloadLeft = 0
  return {
    take(chunk) {
      let at = 0
      while (at < chunk.length) {
        if (payloadLeft > 0) {
          const taken = Math.min(payloadLeft, chunk.length - at)
          payloadLeft -= taken
          at += taken
          continue
        }
        header.push(chunk[at] ?? 0)
        at += 1
        if (header.length === headerLength(header)) {
          payloadLeft = payloadLength(header)
          header = []
        }
      }
    },
    isAtBoundary: () => header.length === 0 && payloadLeft === 0,
  }
}

/** An unmasked close frame without a reason. */
export const closeFrame = (code: number): Buffer => {
  const frame = Buffer.from([0x88, 2, 0, 0])
  frame.writeUInt16BE(code, 2)
  return frame
}

const LENGTH_16_BIT = 126
const LENGTH_64_BIT = 127

const lengthField = (header: readonly number[]) => (header[1] ?? 0) & 0x7f

const headerLength = (header: readonly number[]): number => {
  if (header.length < 2) return 2
  const field = lengthField(header)
  return field === LENGTH_16_BIT ? 4 : field === LENGTH_64_BIT ? 10 : 2
}

const payloadLength = (header: readonly number[]): number => {
  const field = lengthField(header)
  return field < LENGTH_16_BIT
    ? field
    : header.slice(2).reduce((length, byte) => length * 256 + byte, 0)
}
