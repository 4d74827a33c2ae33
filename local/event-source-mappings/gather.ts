import type { MskRecord } from './event.ts'

/** Some records of one partition, in order, and how to say what became of them. */
export type Piece = {
  readonly records: readonly MskRecord[]
  /** As JSON. */
  readonly bytes: number
  /** Aborted: nobody waits for the outcome any more. */
  readonly signal: AbortSignal
}

/** What one invocation came to: the offsets from which named partitions (`topic-0`) must be repeated. */
export type Dispatched = ReadonlyMap<string, number>

/**
 * Puts the pieces of several partitions into one payload, until it is full or the window has passed since the
 * first of them. A partition has at most one piece here, since its next batch waits for this one.
 *
 * @param dispatch sends one payload; a throw is every piece's.
 */
export const createGatherer = ({
  recordsMax,
  bytesMax,
  windowMs,
  dispatch,
}: {
  recordsMax: number
  bytesMax: number
  windowMs: number
  dispatch(pieces: readonly Piece[]): Promise<Dispatched>
}): ((piece: Piece) => Promise<Dispatched>) => {
  type Waiting = { readonly piece: Piece; settle(outcome: Promise<Dispatched>): void }
  let waiting: Waiting[] = []
  let timer: NodeJS.Timeout | undefined

  const flush = () => {
    clearTimeout(timer)
    timer = undefined
    const going = waiting
    waiting = []
    if (going.length === 0) return
    const outcome = dispatch(going.map(({ piece }) => piece))
    for (const { settle } of going) settle(outcome)
  }
  const sizeWith = (piece: Piece) =>
    [...waiting.map((each) => each.piece), piece].reduce(
      (sum, { records, bytes }) => ({
        count: sum.count + records.length,
        bytes: sum.bytes + bytes,
      }),
      { count: 0, bytes: 0 },
    )

  return (piece) => {
    const before = sizeWith(piece)
    if (before.count > recordsMax || before.bytes > bytesMax) flush()
    const gathered = Promise.withResolvers<Dispatched>()
    const giveUp = () => {
      waiting = waiting.filter((each) => each.piece !== piece)
      if (waiting.length === 0) flush()
      gathered.reject(new Error('the partition was taken away'))
    }
    piece.signal.addEventListener('abort', giveUp, { once: true })
    waiting.push({
      piece,
      settle(outcome) {
        piece.signal.removeEventListener('abort', giveUp)
        gathered.resolve(outcome)
      },
    })
    if (sizeWith(EMPTY).count >= recordsMax || windowMs === 0) flush()
    else timer ??= setTimeout(flush, windowMs)
    return gathered.promise
  }
}

const EMPTY: Piece = { records: [], bytes: 0, signal: new AbortController().signal }

/** Cuts the records of a partition into pieces that each fit into a payload. */
export const piecesOf = (
  records: readonly MskRecord[],
  { signal, bytesMax }: { signal: AbortSignal; bytesMax: number },
): readonly Piece[] => {
  const pieces: { records: MskRecord[]; bytes: number; signal: AbortSignal }[] = []
  for (const record of records) {
    const bytes = Buffer.byteLength(JSON.stringify(record)) + SEPARATOR_BYTES
    const last = pieces.at(-1)
    if (last && last.bytes + bytes <= bytesMax) {
      last.records.push(record)
      last.bytes += bytes
    } else pieces.push({ records: [record], bytes, signal })
  }
  return pieces
}

const SEPARATOR_BYTES = 1
