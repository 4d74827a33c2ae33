import { S3Error } from '../errors.ts'
import type { Authorization } from '../signature.ts'
import {
  assertChecksumShape,
  CHECKSUM_ALGORITHMS,
  type ChecksumAlgorithm,
  checksumHeader,
  type Digest,
  startDigest,
} from './checksums.ts'
import { decodeChunked } from './chunked.ts'
import type { S3Request } from './request.ts'

/** S3's limit for one PUT. */
export const PUT_BYTES_MAX = 5 * 1_024 ** 3
/** 10,000 parts of a completion, each with its checksum, fit. */
export const XML_BYTES_MAX = 4 * 1_024 ** 2

export type StoredChecksum = { readonly algorithm: ChecksumAlgorithm; readonly value: string }

type Expectations = {
  /** Bytes of the content; undefined for a form's file, whose length nobody declares. */
  readonly sizeBytes?: number | undefined
  readonly bytesMax: number
  /** base64 of the Content-MD5 header. */
  readonly md5?: string | undefined
  /** Hex of x-amz-content-sha256. */
  readonly sha256?: string | undefined
  readonly checksum?: ExpectedChecksum | undefined
}

type ExpectedChecksum = {
  readonly algorithm: ChecksumAlgorithm
  /** Asked for after the last byte, because a trailer may bring it; base64. */
  readonly value: () => string | undefined
}

/**
 * The content of a request, read once. Iteration throws at its end unless the bytes are exactly what
 * the client announced, so whoever stores them keeps nothing that was damaged on its way.
 */
export class VerifiedBody implements AsyncIterable<Buffer> {
  readonly #source: AsyncIterable<Buffer>
  readonly #expected: Expectations
  readonly #md5 = startDigest('MD5')
  #sizeBytes = 0
  #md5Hex = ''
  #checksum: StoredChecksum | null = null

  constructor(source: AsyncIterable<Buffer>, expected: Expectations) {
    if ((expected.sizeBytes ?? 0) > expected.bytesMax) throw new S3Error('EntityTooLarge')
    this.#source = source
    this.#expected = expected
  }

  /** The three below are known once the body was read to its end. */
  get sizeBytes(): number {
    return this.#sizeBytes
  }

  get md5Hex(): string {
    return this.#md5Hex
  }

  /** Null if the client sent none. */
  get checksum(): StoredChecksum | null {
    return this.#checksum
  }

  /** Whether the client sent a checksum, or announced one in a trailer. */
  get checksumAlgorithm(): ChecksumAlgorithm | undefined {
    return this.#expected.checksum?.algorithm
  }

  get hasIntegrityCheck(): boolean {
    return this.#expected.md5 !== undefined || this.#expected.checksum !== undefined
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, void> {
    const { sizeBytes, bytesMax, sha256, checksum } = this.#expected
    const sha256Digest = sha256 === undefined ? undefined : startDigest('SHA256')
    const checksumDigest = checksum === undefined ? undefined : startDigest(checksum.algorithm)
    for await (const chunk of this.#source) {
      this.#sizeBytes += chunk.length
      if (this.#sizeBytes > bytesMax) throw new S3Error('EntityTooLarge')
      for (const digest of [this.#md5, sha256Digest, checksumDigest]) digest?.update(chunk)
      yield chunk
    }
    if (sizeBytes !== undefined && this.#sizeBytes !== sizeBytes) {
      throw new S3Error('IncompleteBody')
    }
    await this.#verifyMd5()
    await verifySha256(sha256Digest, sha256)
    await this.#verifyChecksum(checksumDigest, checksum)
  }

  async #verifyMd5(): Promise<void> {
    const md5 = await this.#md5.digest()
    this.#md5Hex = md5.toString('hex')
    const { md5: expected } = this.#expected
    if (expected !== undefined && md5.toString('base64') !== expected) {
      throw new S3Error(
        'BadDigest',
        'The Content-MD5 you specified did not match what we received.',
      )
    }
  }

  async #verifyChecksum(digest?: Digest, expected?: ExpectedChecksum): Promise<void> {
    if (digest === undefined || expected === undefined) return
    const value = expected.value()
    if (value === undefined) throw new S3Error('MalformedTrailerError')
    assertChecksumShape(expected.algorithm, value)
    if ((await digest.digest()).toString('base64') !== value) {
      throw new S3Error(
        'BadDigest',
        `The ${expected.algorithm} you specified did not match the calculated checksum.`,
      )
    }
    this.#checksum = { algorithm: expected.algorithm, value }
  }
}

async function verifySha256(digest?: Digest, expected?: string): Promise<void> {
  if (digest !== undefined && (await digest.digest()).toString('hex') !== expected) {
    throw new S3Error('XAmzContentSHA256Mismatch')
  }
}

/** The body of an authorised request, checked against everything that its headers announce. */
export function verifiedBody(
  request: S3Request,
  authorization: Authorization,
  bytesMax: number,
): VerifiedBody {
  const { contentSha256 } = authorization
  const md5 = readContentMd5(request.headers.get('content-md5'))
  if (contentSha256.startsWith('STREAMING-')) {
    return chunkedBody(request, authorization, { bytesMax, md5 })
  }
  if (contentSha256 !== 'UNSIGNED-PAYLOAD' && !/^[0-9a-f]{64}$/.test(contentSha256)) {
    throw new S3Error('InvalidArgument', 'x-amz-content-sha256 is no hash and no known keyword.')
  }
  return new VerifiedBody(request.openBody(), {
    bytesMax,
    md5,
    sizeBytes: readLength(request.headers.get('content-length')),
    sha256: contentSha256 === 'UNSIGNED-PAYLOAD' ? undefined : contentSha256,
    checksum: headerChecksum(request.headers),
  })
}

/** A small body as text; for the XML documents of the protocol. */
export async function readText(body: VerifiedBody): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

/** The one checksum among headers or form fields. */
export function headerChecksum(headers: ReadonlyMap<string, string>): ExpectedChecksum | undefined {
  const sent = CHECKSUM_ALGORITHMS.filter((algorithm) => headers.has(checksumHeader(algorithm)))
  const [algorithm] = sent
  if (algorithm === undefined) return undefined
  if (sent.length > 1)
    throw new S3Error('InvalidRequest', 'Expecting a single x-amz-checksum- header.')
  const value = headers.get(checksumHeader(algorithm)) ?? ''
  assertChecksumShape(algorithm, value)
  return { algorithm, value: () => value }
}

const STREAMING: Readonly<Record<string, { signed: boolean; hasTrailer: boolean }>> = {
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER': { signed: false, hasTrailer: true },
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD': { signed: true, hasTrailer: false },
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER': { signed: true, hasTrailer: true },
}

function chunkedBody(
  request: S3Request,
  { contentSha256, chunks }: Authorization,
  { bytesMax, md5 }: Pick<Expectations, 'bytesMax' | 'md5'>,
): VerifiedBody {
  const mode = STREAMING[contentSha256]
  if (mode === undefined) throw new S3Error('NotImplemented', `${contentSha256} is not supported.`)
  const trailers = new Map<string, string>()
  const content = decodeChunked(request.openBody(), {
    signer: mode.signed ? chunks : undefined,
    hasTrailer: mode.hasTrailer,
    onTrailer: (name, value) => trailers.set(name, value),
  })
  return new VerifiedBody(content, {
    bytesMax,
    md5,
    sizeBytes: readLength(request.headers.get('x-amz-decoded-content-length')),
    checksum: headerChecksum(request.headers) ?? trailerChecksum(request.headers, trailers),
  })
}

function trailerChecksum(
  headers: ReadonlyMap<string, string>,
  trailers: ReadonlyMap<string, string>,
): ExpectedChecksum | undefined {
  const name = headers.get('x-amz-trailer')?.toLowerCase()
  if (name === undefined) return undefined
  const algorithm = CHECKSUM_ALGORITHMS.find((candidate) => checksumHeader(candidate) === name)
  if (algorithm === undefined) {
    throw new S3Error('InvalidRequest', `The value ${name} of x-amz-trailer is not supported.`)
  }
  return { algorithm, value: () => trailers.get(name) }
}

function readLength(text: string | undefined): number {
  if (text === undefined || !/^\d{1,15}$/.test(text)) throw new S3Error('MissingContentLength')
  return Number(text)
}

function readContentMd5(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  if (Buffer.from(text, 'base64').length !== 16) throw new S3Error('InvalidDigest')
  return text
}
