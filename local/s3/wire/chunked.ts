import { createHash } from 'node:crypto'
import { S3Error } from '../errors.ts'
import type { ChunkSigner } from '../signature.ts'

/** A line holds a chunk size with its signature, or one trailing header. */
const LINE_BYTES_MAX = 4 * 1_024
const TRAILER_LINES_MAX = 16

export type ChunkedOptions = {
  /** Verifies each chunk; undefined where the chunks are not signed. */
  readonly signer: ChunkSigner | undefined
  /** Whether headers follow the last chunk. */
  readonly hasTrailer: boolean
  readonly onTrailer: (name: string, value: string) => void
}

/**
 * The content of an aws-chunked body.
 *
 * A signed chunk is handed on before its signature is known, so that nothing is held in memory; a
 * wrong one throws at its end, and the caller discards all it has got.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
 */
export async function* decodeChunked(
  source: AsyncIterable<Buffer>,
  options: ChunkedOptions,
): AsyncGenerator<Buffer, void, void> {
  const reader = new ByteReader(source)
  try {
    yield* readChunks(reader, options)
  } finally {
    await reader.close()
  }
}

async function* readChunks(
  reader: ByteReader,
  { signer, hasTrailer, onTrailer }: ChunkedOptions,
): AsyncGenerator<Buffer, void, void> {
  for (;;) {
    const { sizeBytes, signature } = readChunkHead(await reader.line())
    const hash = createHash('sha256')
    let leftBytes = sizeBytes
    while (leftBytes > 0) {
      const piece = await reader.piece(leftBytes)
      leftBytes -= piece.length
      if (signer !== undefined) hash.update(piece)
      yield piece
    }
    signer?.verifyChunk(signature, hash.digest('hex'))
    if (sizeBytes === 0) break
    if ((await reader.line()) !== '') throw new S3Error('IncompleteBody')
  }
  if (hasTrailer) await readTrailer(reader, signer, onTrailer)
}

async function readTrailer(
  reader: ByteReader,
  signer: ChunkSigner | undefined,
  onTrailer: ChunkedOptions['onTrailer'],
): Promise<void> {
  let canonical = ''
  let signature: string | undefined
  for (let lines = 0; lines < TRAILER_LINES_MAX; lines += 1) {
    const line = await reader.line()
    if (line === '') break
    const colon = line.indexOf(':')
    if (colon < 1) throw new S3Error('MalformedTrailerError')
    const name = line.slice(0, colon).trim().toLowerCase()
    const value = line.slice(colon + 1).trim()
    if (name === 'x-amz-trailer-signature') {
      signature = value
      continue
    }
    canonical += `${name}:${value}\n`
    onTrailer(name, value)
  }
  signer?.verifyTrailer(signature ?? '', canonical)
}

const CHUNK_HEAD = /^([0-9a-fA-F]{1,12})(?:;chunk-signature=([0-9a-f]{64}))?$/

function readChunkHead(line: string): { sizeBytes: number; signature: string } {
  const [, size, signature = ''] = CHUNK_HEAD.exec(line) ?? []
  if (size === undefined) throw new S3Error('IncompleteBody', 'A chunk has no well-formed size.')
  return { sizeBytes: Number.parseInt(size, 16), signature }
}

/** Lines and pieces out of a stream of buffers; the end in the midst of one is IncompleteBody. */
class ByteReader {
  #iterator: AsyncIterator<Buffer>
  #buffer: Buffer = Buffer.alloc(0)

  constructor(source: AsyncIterable<Buffer>) {
    this.#iterator = source[Symbol.asyncIterator]()
  }

  /** The text up to the next CRLF. */
  async line(): Promise<string> {
    for (;;) {
      const end = this.#buffer.indexOf('\r\n')
      if (end >= 0) {
        const line = this.#buffer.toString('latin1', 0, end)
        this.#buffer = this.#buffer.subarray(end + 2)
        return line
      }
      if (this.#buffer.length > LINE_BYTES_MAX) throw new S3Error('IncompleteBody')
      this.#buffer = Buffer.concat([this.#buffer, await this.#next()])
    }
  }

  /** Between one byte and `bytesMax` bytes. */
  async piece(bytesMax: number): Promise<Buffer> {
    while (this.#buffer.length === 0) this.#buffer = await this.#next()
    const piece = this.#buffer.subarray(0, bytesMax)
    this.#buffer = this.#buffer.subarray(piece.length)
    return piece
  }

  /** Lets go of the stream, so that whoever owns it can read what is left. */
  async close(): Promise<void> {
    await this.#iterator.return?.()
  }

  async #next(): Promise<Buffer> {
    const { done, value } = await this.#iterator.next()
    if (done === true) throw new S3Error('IncompleteBody')
    return value
  }
}
