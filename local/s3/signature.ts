import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { DAY_MS, type Instant, MINUTE_MS, SECOND_MS } from '../../shared/kernel/time.ts'
import { S3Error } from './errors.ts'
import { queryValue, type S3Request } from './wire/request.ts'

export const SKEW_MS_MAX = 15 * MINUTE_MS
export const PRESIGNED_SECONDS_MAX = (7 * DAY_MS) / SECOND_MS

const ALGORITHM = 'AWS4-HMAC-SHA256'
const EMPTY_SHA256 = sha256Hex('')

export type Credentials = {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly region: string
}

/** A request whose signature holds, with what is needed to check the rest of its body. */
export type Authorization = {
  /** A hash in hex, UNSIGNED-PAYLOAD or one of the STREAMING- values. */
  readonly contentSha256: string
  readonly chunks: ChunkSigner
}

/** The chain of signatures over an aws-chunked body: each one signs its chunk and its predecessor. */
export type ChunkSigner = {
  /** Throws unless `signature` belongs to the next chunk, whose content has this hash. */
  readonly verifyChunk: (signature: string, chunkSha256: string) => void
  /** The same for the trailing headers, in canonical form (`name:value\n`). */
  readonly verifyTrailer: (signature: string, canonicalTrailer: string) => void
}

/** What a request claims about its signature, from its header or its query. */
type Claim = {
  readonly credential: Scope
  readonly amzDate: string
  readonly signedHeaders: readonly string[]
  readonly signature: string
  readonly contentSha256: string
}

type Scope = { readonly accessKeyId: string; readonly day: string; readonly text: string }

/**
 * Verifies Signature Version 4, in the Authorization header or in a presigned URL.
 *
 * @throws S3Error 403 or 400 with S3's code for each way a signature can be wrong.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
 */
export function verifyRequest(
  request: S3Request,
  credentials: Credentials,
  now: Instant,
): Authorization {
  if (request.headers.has('x-amz-security-token')) throw new S3Error('InvalidToken')
  const claim = readClaim(request, credentials.region, now)
  assertKnownKey(claim.credential, credentials)
  assertCovered(request, claim.signedHeaders)

  const key = signingKey(credentials, claim.credential.day)
  const expected = hmacHex(key, stringToSign(claim, canonicalRequest(request, claim)))
  assertSame(claim.signature, expected)
  return { contentSha256: claim.contentSha256, chunks: chunkSigner(key, claim) }
}

/** Verifies the signature over a POST policy (base64), whose form fields are `fields`. */
export function verifyPolicy(
  fields: ReadonlyMap<string, string>,
  policyBase64: string,
  credentials: Credentials,
): void {
  if (fields.get('x-amz-algorithm') !== ALGORITHM) {
    throw new S3Error('InvalidRequest', `The form must be signed with ${ALGORITHM}.`)
  }
  const scope = readScope(fields.get('x-amz-credential') ?? '', credentials.region, 'AccessDenied')
  assertKnownKey(scope, credentials)
  const expected = hmacHex(signingKey(credentials, scope.day), policyBase64)
  assertSame(fields.get('x-amz-signature') ?? '', expected)
}

function readClaim(request: S3Request, region: string, now: Instant): Claim {
  const authorization = request.headers.get('authorization')
  const presigned = request.query.some(([name]) => name === 'X-Amz-Signature')
  if (authorization !== undefined && presigned) {
    throw new S3Error('InvalidArgument', 'Only one auth mechanism allowed.')
  }
  if (presigned) return readPresignedClaim(request, region, now)
  if (authorization === undefined) throw new S3Error('AccessDenied')
  return readHeaderClaim(request, { authorization, region, now })
}

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256\s+Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})$/

function readHeaderClaim(
  request: S3Request,
  { authorization, region, now }: { authorization: string; region: string; now: Instant },
): Claim {
  const [, credential, signedHeaders, signature] = AUTHORIZATION.exec(authorization) ?? []
  if (credential === undefined || signedHeaders === undefined || signature === undefined) {
    throw new S3Error('AuthorizationHeaderMalformed')
  }
  const contentSha256 = request.headers.get('x-amz-content-sha256')
  if (contentSha256 === undefined) {
    throw new S3Error('InvalidRequest', 'Missing required header: x-amz-content-sha256')
  }
  const amzDate = request.headers.get('x-amz-date') ?? ''
  if (Math.abs(now - readAmzDate(amzDate, 'AccessDenied')) > SKEW_MS_MAX) {
    throw new S3Error('RequestTimeTooSkewed')
  }
  return {
    credential: readScope(credential, region, 'AuthorizationHeaderMalformed', amzDate),
    amzDate,
    signedHeaders: signedHeaders.split(';'),
    signature,
    contentSha256,
  }
}

function readPresignedClaim(request: S3Request, region: string, now: Instant): Claim {
  const code = 'AuthorizationQueryParametersError'
  const parameter = (name: string): string => {
    const value = queryValue(request, name)
    if (value === undefined) throw new S3Error(code, `Missing query parameter ${name}.`)
    return value
  }
  if (parameter('X-Amz-Algorithm') !== ALGORITHM) {
    throw new S3Error(code, `X-Amz-Algorithm only supports "${ALGORITHM}".`)
  }
  if (queryValue(request, 'X-Amz-Security-Token') !== undefined) throw new S3Error('InvalidToken')
  const amzDate = parameter('X-Amz-Date')
  assertWithinValidity(readAmzDate(amzDate, code), parameter('X-Amz-Expires'), now)
  return {
    credential: readScope(parameter('X-Amz-Credential'), region, code, amzDate),
    amzDate,
    signedHeaders: parameter('X-Amz-SignedHeaders').split(';'),
    signature: parameter('X-Amz-Signature'),
    contentSha256:
      queryValue(request, 'X-Amz-Content-Sha256') ??
      request.headers.get('x-amz-content-sha256') ??
      'UNSIGNED-PAYLOAD',
  }
}

function assertWithinValidity(signedAtMs: number, expires: string, now: Instant): void {
  const seconds = /^\d{1,9}$/.test(expires) ? Number(expires) : 0
  if (seconds < 1 || seconds > PRESIGNED_SECONDS_MAX) {
    throw new S3Error(
      'AuthorizationQueryParametersError',
      `X-Amz-Expires must lie between 1 and ${PRESIGNED_SECONDS_MAX} seconds.`,
    )
  }
  if (signedAtMs - now > SKEW_MS_MAX) throw new S3Error('AccessDenied', 'Request is not yet valid')
  if (now > signedAtMs + seconds * SECOND_MS) {
    throw new S3Error('AccessDenied', 'Request has expired')
  }
}

function readAmzDate(
  text: string,
  code: 'AccessDenied' | 'AuthorizationQueryParametersError',
): number {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text)
  const [, year, month, day, hour, minute, second] = match ?? []
  const atMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
  if (Number.isNaN(atMs)) {
    throw new S3Error(code, 'X-Amz-Date must be in the ISO8601 format yyyyMMddTHHmmssZ.')
  }
  return atMs
}

function readScope(
  credential: string,
  region: string,
  code: 'AccessDenied' | 'AuthorizationHeaderMalformed' | 'AuthorizationQueryParametersError',
  amzDate?: string,
): Scope {
  const [accessKeyId = '', day = '', ...rest] = credential.split('/')
  const expected = `${region}/s3/aws4_request`
  if (rest.join('/') !== expected) {
    throw new S3Error(code, `The credential scope is wrong; expecting <key>/<date>/${expected}.`)
  }
  if (amzDate !== undefined && !amzDate.startsWith(`${day}T`)) {
    throw new S3Error(code, 'The date of the credential scope is not the date of the request.')
  }
  return { accessKeyId, day, text: `${day}/${expected}` }
}

function assertKnownKey(scope: Scope, credentials: Credentials): void {
  if (scope.accessKeyId !== credentials.accessKeyId) throw new S3Error('InvalidAccessKeyId')
}

/** Host and every x-amz- header must be signed, or a holder of the URL could add some. */
function assertCovered(request: S3Request, signedHeaders: readonly string[]): void {
  const uncovered = [...request.headers.keys()].filter(
    (name) => (name === 'host' || name.startsWith('x-amz-')) && !signedHeaders.includes(name),
  )
  if (uncovered.length > 0) {
    throw new S3Error(
      'AccessDenied',
      `There were headers present in the request which were not signed: ${uncovered.join(', ')}`,
    )
  }
}

function canonicalRequest(request: S3Request, claim: Claim): string {
  const path = decodeURIComponent(request.rawPath).split('/').map(encodeRfc3986).join('/')
  const query = request.query
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => [encodeRfc3986(name), encodeRfc3986(value)] as const)
    .sort(([a, x], [b, y]) => compareAscii(a, b) || compareAscii(x, y))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
  const headers = claim.signedHeaders
    .map((name) => `${name}:${canonicalHeader(request.headers.get(name))}\n`)
    .join('')
  const names = claim.signedHeaders.join(';')
  return [request.method, path, query, headers, names, claim.contentSha256].join('\n')
}

const stringToSign = (claim: Claim, canonical: string): string =>
  [ALGORITHM, claim.amzDate, claim.credential.text, sha256Hex(canonical)].join('\n')

function chunkSigner(key: Buffer, claim: Claim): ChunkSigner {
  let previous = claim.signature
  const verify = (signature: string, kind: string, hashes: readonly string[]): void => {
    const text = [kind, claim.amzDate, claim.credential.text, previous, ...hashes].join('\n')
    assertSame(signature, hmacHex(key, text))
    previous = signature
  }
  return {
    verifyChunk: (signature, chunkSha256) =>
      verify(signature, `${ALGORITHM}-PAYLOAD`, [EMPTY_SHA256, chunkSha256]),
    verifyTrailer: (signature, canonicalTrailer) =>
      verify(signature, 'AWS4-HMAC-SHA256-TRAILER', [sha256Hex(canonicalTrailer)]),
  }
}

function signingKey({ secretAccessKey, region }: Credentials, day: string): Buffer {
  const scope = [day, region, 's3', 'aws4_request']
  return scope.reduce<Buffer>(
    (key, part) => createHmac('sha256', key).update(part).digest(),
    Buffer.from(`AWS4${secretAccessKey}`),
  )
}

function assertSame(claimed: string, expected: string): void {
  const [a, b] = [Buffer.from(claimed), Buffer.from(expected)]
  if (a.length !== b.length || !timingSafeEqual(a, b)) throw new S3Error('SignatureDoesNotMatch')
}

const canonicalHeader = (value: string | undefined): string =>
  (value ?? '').trim().replace(/ {2,}/g, ' ')

const encodeRfc3986 = (text: string): string =>
  encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )

const compareAscii = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const hmacHex = (key: Buffer, text: string): string =>
  createHmac('sha256', key).update(text).digest('hex')

function sha256Hex(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
