import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Busboy, type BusboyHeaders } from '@fastify/busboy'
import * as z from 'zod'
import type { Instant } from '../../../shared/kernel/time.ts'
import { S3Error } from '../errors.ts'
import { type Credentials, verifyPolicy } from '../signature.ts'
import type { Bucket } from '../storage/objects.ts'
import { headerChecksum, PUT_BYTES_MAX, VerifiedBody } from '../wire/body.ts'
import { KEY_BYTES_MAX, type Reply, type S3Request } from '../wire/request.ts'
import { xmlDocument } from '../wire/xml.ts'
import { quoted, type Stores } from './exchange.ts'
import { checksumHeaders, readDescription, storeBody } from './objects.ts'

/** S3 takes 20 KB of form data beside the file. */
const FIELD_BYTES_MAX = 20 * 1_024
const FIELDS_MAX = 100
const FILE_NAME_VARIABLE = '${filename}'

const policySchema = z.object({
  expiration: z.iso.datetime({ offset: true }),
  conditions: z.array(
    z.union([
      z.tuple([z.literal('content-length-range'), z.coerce.number(), z.coerce.number()]),
      z.tuple([z.enum(['eq', 'starts-with']), z.string().startsWith('$'), z.string()]),
      z.record(z.string(), z.string()),
    ]),
  ),
})

type Policy = z.infer<typeof policySchema>

type Form = {
  readonly fields: ReadonlyMap<string, string>
  readonly fileName: string
  /** The file's bytes; throws at its end unless the form is whole. */
  readonly file: AsyncIterable<Buffer>
  /** Stops reading; without effect once the form was read. */
  readonly discard: () => void
}

/** Whether a request is a browser's form upload, which brings its own authorization. */
export const isFormUpload = ({ method, key, headers }: S3Request): boolean =>
  method === 'POST' &&
  key === undefined &&
  (headers.get('content-type') ?? '').startsWith('multipart/form-data')

/**
 * Stores the file of an HTML form under a policy that our key has signed.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
 */
export async function postObject(
  request: S3Request,
  stores: Stores,
  signing: { credentials: Credentials; now: Instant },
): Promise<Reply> {
  const bucket = stores.objects.bucket(request.bucket ?? '')
  const form = await readForm(request)
  try {
    return await storeForm(form, bucket, { ...stores, ...signing })
  } finally {
    form.discard()
  }
}

async function storeForm(
  form: Form,
  bucket: Bucket,
  { objects, disk, credentials, now }: Stores & { credentials: Credentials; now: Instant },
): Promise<Reply> {
  const key = (form.fields.get('key') ?? '').replaceAll(FILE_NAME_VARIABLE, form.fileName)
  if (key === '')
    throw new S3Error('InvalidArgument', "Bucket POST must contain a field named 'key'.")
  if (Buffer.byteLength(key) > KEY_BYTES_MAX) throw new S3Error('KeyTooLongError')

  const { fields } = form
  const limits = authorise(
    new Map([...fields, ['bucket', bucket.name], ['key', key]]),
    credentials,
    now,
  )
  const body = new VerifiedBody(form.file, {
    bytesMax: Math.min(limits.bytesMax, PUT_BYTES_MAX),
    md5: fields.get('content-md5'),
    checksum: headerChecksum(fields),
  })
  const record = await storeBody({ disk }, body, {
    ...readDescription(fields),
    key,
    lastModifiedMs: now,
  })
  const guard = () => {
    if (record.sizeBytes < limits.bytesMin) throw new S3Error('EntityTooSmall')
  }
  await disk.keepIf(record.blobs, objects.put(bucket, record, guard))
  return answer(fields, {
    bucket: bucket.name,
    key,
    etag: quoted(record.etag),
    location: `/${bucket.name}/${key.split('/').map(encodeURIComponent).join('/')}`,
    checksums: checksumHeaders(record),
  })
}

/** Reads the fields, which come before the file; what follows the file is not looked at. */
function readForm(request: S3Request): Promise<Form> {
  const fields = new Map<string, string>()
  const source = Readable.from(request.openBody())
  return new Promise<Form>((resolve, reject) => {
    const refuse = (error: S3Error): void => {
      reject(error)
      source.destroy()
    }
    const parser = openParser(request.headers.get('content-type') ?? '')
    const whole: Promise<unknown> = pipeline(source, parser)
    parser.on('field', (name: string, value: string, _: boolean, isCut: boolean) => {
      if (isCut) refuse(new S3Error('MaxMessageLengthExceeded'))
      fields.set(name.toLowerCase(), value)
    })
    parser.once('file', (name: string, file: Readable, fileName: string) => {
      if (name !== 'file') refuse(new S3Error('InvalidArgument', 'The file field is named file.'))
      whole.catch((error: Error) => file.destroy(error))
      file.on('error', () => undefined) // Told to whoever reads it; nobody may be.
      resolve({
        fields,
        fileName: fileName ?? '',
        file: untilWhole(file, whole),
        discard: () => void source.destroy(),
      })
    })
    whole.then(
      () => reject(new S3Error('InvalidArgument', 'POST requires exactly one file upload.')),
      (cause: unknown) => reject(new S3Error('MalformedPOSTRequest', undefined, { cause })),
    )
  })
}

function openParser(contentType: string): InstanceType<typeof Busboy> {
  try {
    const headers: BusboyHeaders = { 'content-type': contentType }
    return new Busboy({
      headers,
      limits: { fieldSize: FIELD_BYTES_MAX, fields: FIELDS_MAX, files: 1 },
    })
  } catch (cause) {
    throw new S3Error('MalformedPOSTRequest', undefined, { cause })
  }
}

async function* untilWhole(file: Readable, whole: Promise<unknown>): AsyncGenerator<Buffer> {
  try {
    yield* file
    await whole
  } catch (cause) {
    throw new S3Error('MalformedPOSTRequest', undefined, { cause })
  }
}

/** @returns how long the file may be. @throws S3Error unless the policy is ours and allows the form. */
function authorise(
  fields: ReadonlyMap<string, string>,
  credentials: Credentials,
  now: Instant,
): { bytesMin: number; bytesMax: number } {
  const encoded = fields.get('policy')
  if (encoded === undefined) throw new S3Error('AccessDenied')
  verifyPolicy(fields, encoded, credentials)
  const policy = readPolicy(encoded)
  if (Date.parse(policy.expiration) <= now) {
    throw new S3Error('AccessDenied', 'Invalid according to Policy: Policy expired.')
  }
  const named = new Set(['policy', 'x-amz-signature', 'bucket', 'file'])
  const limits = { bytesMin: 0, bytesMax: PUT_BYTES_MAX }
  for (const condition of policy.conditions) {
    if (!Array.isArray(condition)) {
      for (const [name, value] of Object.entries(condition)) {
        assertHolds('eq', value, fields.get(name.toLowerCase()), name)
        named.add(name.toLowerCase())
      }
    } else if (condition[0] === 'content-length-range') {
      limits.bytesMin = Math.max(limits.bytesMin, condition[1])
      limits.bytesMax = Math.min(limits.bytesMax, condition[2])
    } else {
      const name = condition[1].slice(1).toLowerCase()
      assertHolds(condition[0], condition[2], fields.get(name), name)
      named.add(name)
    }
  }
  const extra = [...fields.keys()].filter(
    (name) => !named.has(name) && !name.startsWith('x-ignore-'),
  )
  if (extra.length > 0) {
    throw new S3Error(
      'AccessDenied',
      `Invalid according to Policy: Extra input fields: ${extra.join(', ')}`,
    )
  }
  return limits
}

function readPolicy(encoded: string): Policy {
  try {
    return policySchema.parse(JSON.parse(Buffer.from(encoded, 'base64').toString('utf8')))
  } catch (cause) {
    throw new S3Error('InvalidPolicyDocument', undefined, { cause })
  }
}

function assertHolds(
  kind: string,
  expected: string,
  actual: string | undefined,
  name: string,
): void {
  const holds = kind === 'eq' ? actual === expected : (actual ?? '').startsWith(expected)
  if (!holds) {
    throw new S3Error(
      'AccessDenied',
      `Invalid according to Policy: Policy Condition failed: ${name}`,
    )
  }
}

function answer(
  fields: ReadonlyMap<string, string>,
  made: {
    bucket: string
    key: string
    etag: string
    location: string
    checksums: Record<string, string>
  },
): Reply {
  const { bucket, key, etag, location } = made
  const headers = { etag, location, ...made.checksums }
  const redirect = fields.get('success_action_redirect')
  if (redirect !== undefined && URL.canParse(redirect)) {
    const target = new URL(redirect)
    for (const [name, value] of Object.entries({ bucket, key, etag })) {
      target.searchParams.append(name, value)
    }
    return { status: 303, headers: { ...headers, location: target.href } }
  }
  switch (fields.get('success_action_status')) {
    case '200':
      return { status: 200, headers }
    case '201':
      return {
        status: 201,
        headers: { ...headers, 'content-type': 'application/xml' },
        body: xmlDocument('PostResponse', {
          Location: location,
          Bucket: bucket,
          Key: key,
          ETag: etag,
        }),
      }
    default:
      return { status: 204, headers }
  }
}
