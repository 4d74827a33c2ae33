/** Status and message of every refusal; codes and statuses as in S3's list of error responses. */
const CATALOGUE = {
  AccessDenied: [403, 'Access Denied'],
  AccessForbidden: [403, 'CORSResponse: This CORS request is not allowed.'],
  AuthorizationHeaderMalformed: [400, 'The authorization header you provided is invalid.'],
  AuthorizationQueryParametersError: [400, 'The authorization query parameters are invalid.'],
  BadDigest: [400, 'The checksum you specified did not match what was received.'],
  BucketAlreadyOwnedByYou: [409, 'Your previous request to create the named bucket succeeded.'],
  EntityTooLarge: [400, 'Your proposed upload exceeds the maximum allowed size.'],
  EntityTooSmall: [400, 'Your proposed upload is smaller than the minimum allowed size.'],
  IllegalLocationConstraintException: [400, 'The location constraint is not this region.'],
  IncompleteBody: [400, 'You did not provide the number of bytes specified by the headers.'],
  InternalError: [500, 'We encountered an internal error. Please try again.'],
  InvalidAccessKeyId: [403, 'The access key ID you provided does not exist in our records.'],
  InvalidArgument: [400, 'Invalid Argument'],
  InvalidBucketName: [400, 'The specified bucket is not valid.'],
  InvalidDigest: [400, 'The Content-MD5 you specified is not valid.'],
  InvalidPart: [400, 'One or more of the specified parts could not be found or did not match.'],
  InvalidPartOrder: [400, 'The list of parts was not in ascending order.'],
  InvalidPolicyDocument: [400, 'The content of the form does not meet the policy format.'],
  InvalidRange: [416, 'The requested range is not satisfiable'],
  InvalidRequest: [400, 'Invalid Request'],
  InvalidToken: [400, 'The provided token is malformed or otherwise invalid.'],
  InvalidURI: [400, "Couldn't parse the specified URI."],
  KeyTooLongError: [400, 'Your key is too long'],
  MalformedPOSTRequest: [
    400,
    'The body of your POST request is not well-formed multipart/form-data.',
  ],
  MalformedTrailerError: [400, 'The request contained trailing data that was not well-formed.'],
  MalformedXML: [400, 'The XML you provided was not well-formed or did not validate.'],
  MaxMessageLengthExceeded: [400, 'Your request was too big.'],
  MetadataTooLarge: [400, 'Your metadata headers exceed the maximum allowed metadata size.'],
  MethodNotAllowed: [405, 'The specified method is not allowed against this resource.'],
  MissingContentLength: [411, 'You must provide the Content-Length HTTP header.'],
  NoSuchBucket: [404, 'The specified bucket does not exist'],
  NoSuchKey: [404, 'The specified key does not exist.'],
  NoSuchUpload: [404, 'The specified multipart upload does not exist.'],
  NotImplemented: [501, 'This server does not implement what the request asks for.'],
  PreconditionFailed: [412, 'At least one of the pre-conditions you specified did not hold'],
  RequestTimeTooSkewed: [403, 'The difference between the request time and our time is too large.'],
  ServiceUnavailable: [503, 'The disk of this server is full.'],
  SignatureDoesNotMatch: [403, 'The request signature we calculated does not match yours.'],
  SlowDown: [503, 'Please reduce your request rate.'],
  XAmzContentSHA256Mismatch: [400, "The provided 'x-amz-content-sha256' does not match the body."],
} as const satisfies Record<string, readonly [status: number, message: string]>

export type S3ErrorCode = keyof typeof CATALOGUE

/** A refusal in S3's terms; anything else that is thrown becomes InternalError. */
export class S3Error extends Error {
  readonly code: S3ErrorCode
  readonly status: number

  constructor(code: S3ErrorCode, message?: string, options?: { cause: unknown }) {
    const [status, standardMessage] = CATALOGUE[code]
    super(message ?? standardMessage, options)
    this.name = 'S3Error'
    this.code = code
    this.status = status
  }
}

const DISK_FULL_CODES: readonly unknown[] = ['ENOSPC', 'EDQUOT']

/** Whatever was thrown, as an answer: a full disk is 503, the unexpected 500 without text of its own. */
export function toS3Error(thrown: unknown): S3Error {
  if (thrown instanceof S3Error) return thrown
  const code = DISK_FULL_CODES.includes(systemCode(thrown)) ? 'ServiceUnavailable' : 'InternalError'
  return new S3Error(code, undefined, { cause: thrown })
}

/** The `code` of a system error (`ENOENT`, …), if it is one. */
export const systemCode = (thrown: unknown): string | undefined =>
  typeof thrown === 'object' &&
  thrown !== null &&
  'code' in thrown &&
  typeof thrown.code === 'string'
    ? thrown.code
    : undefined
