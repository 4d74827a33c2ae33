import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { Crc32c, Crc64Nvme } from '@aws-sdk/checksums/crc'
import { S3Error } from '../errors.ts'

/** Every checksum a client may send, with its length in bytes. */
const DIGEST_BYTES = { CRC32: 4, CRC32C: 4, CRC64NVME: 8, SHA1: 20, SHA256: 32 } as const

export type ChecksumAlgorithm = keyof typeof DIGEST_BYTES

export const CHECKSUM_ALGORITHMS = Object.keys(DIGEST_BYTES) as ChecksumAlgorithm[]

/** A checksum in the making. */
export type Digest = {
  readonly update: (chunk: Uint8Array) => void
  readonly digest: () => Promise<Buffer>
}

export const checksumHeader = (algorithm: ChecksumAlgorithm): string =>
  `x-amz-checksum-${algorithm.toLowerCase()}`

/** The element name in S3's XML: `ChecksumCRC32`. */
export const checksumElement = (algorithm: ChecksumAlgorithm): string => `Checksum${algorithm}`

/** @throws S3Error InvalidRequest for an algorithm that nobody here knows. */
export function checksumAlgorithm(name: string): ChecksumAlgorithm {
  const algorithm = CHECKSUM_ALGORITHMS.find((candidate) => candidate === name.toUpperCase())
  if (algorithm === undefined) {
    throw new S3Error('InvalidRequest', 'Checksum algorithm provided is unsupported.')
  }
  return algorithm
}

/** @throws S3Error InvalidRequest unless `value` is base64 of the algorithm's length. */
export function assertChecksumShape(algorithm: ChecksumAlgorithm, value: string): void {
  const bytes = Buffer.from(value, 'base64')
  if (bytes.length !== DIGEST_BYTES[algorithm] || bytes.toString('base64') !== value) {
    throw new S3Error('InvalidRequest', `Value for ${checksumHeader(algorithm)} header is invalid.`)
  }
}

export function startDigest(algorithm: ChecksumAlgorithm | 'MD5'): Digest {
  switch (algorithm) {
    case 'CRC32':
      return startCrc32()
    case 'CRC32C':
      return wrap(new Crc32c())
    case 'CRC64NVME':
      return wrap(new Crc64Nvme())
    default:
      return startHash(algorithm)
  }
}

function startCrc32(): Digest {
  let value = 0
  return {
    update: (chunk) => {
      value = crc32(chunk, value)
    },
    digest: async () => {
      const bytes = Buffer.alloc(DIGEST_BYTES.CRC32)
      bytes.writeUInt32BE(value)
      return bytes
    },
  }
}

function startHash(algorithm: 'MD5' | 'SHA1' | 'SHA256'): Digest {
  const hash = createHash(algorithm.toLowerCase())
  return { update: (chunk) => void hash.update(chunk), digest: async () => hash.digest() }
}

const wrap = (crc: Crc32c | Crc64Nvme): Digest => ({
  update: (chunk) => crc.update(chunk),
  digest: async () => Buffer.from(await crc.digest()),
})
