import { STATUS_CODES, validateHeaderName, validateHeaderValue } from 'node:http'
import * as z from 'zod'
import { HOP_BY_HOP } from './headers.ts'

/** What goes back to the client. */
export type Answer = {
  readonly status: number
  readonly reason: string
  readonly headers: readonly (readonly [name: string, values: readonly string[]])[]
  readonly body: Buffer
}

/** A function's answer that the balancer turns into 502; the message says what is wrong with it. */
export class MalformedAnswer extends Error {
  override readonly name = 'MalformedAnswer'
}

/** AWS: the answer's JSON 1 MB, all response headers 32 K. */
export const ANSWER_BYTES_MAX = 1_024 * 1_024
const ANSWER_HEADERS_BYTES_MAX = 32 * 1_024

/**
 * The documentation names the fields; that a value of another type is refused rather than
 * converted, and that the headers of the other mode are ignored, is recalled.
 */
const answerSchema = z.object({
  statusCode: z.number().int().min(200).max(599),
  statusDescription: z.string().optional(),
  headers: z.record(z.string(), z.string()).nullish(),
  multiValueHeaders: z.record(z.string(), z.array(z.string())).nullish(),
  body: z.string().nullish(),
  isBase64Encoded: z.boolean().nullish(),
})

/**
 * Reads a function's answer.
 *
 * @param payload JSON text.
 * @param multiValue the target group's flag: it decides which headers count.
 * @throws MalformedAnswer where an ALB answers 502.
 */
export function readAnswer(payload: string, multiValue: boolean): Answer {
  if (Buffer.byteLength(payload) > ANSWER_BYTES_MAX) throw new MalformedAnswer('it is above 1 MB')
  const parsed = answerSchema.safeParse(JSON.parse(payload))
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new MalformedAnswer(`${issue?.path.join('.') || 'answer'}: ${issue?.message}`)
  }
  const { statusCode: status, statusDescription, body, isBase64Encoded } = parsed.data
  const bytes = Buffer.from(body ?? '', isBase64Encoded ? 'base64' : 'utf8')
  const headers = multiValue
    ? Object.entries(parsed.data.multiValueHeaders ?? {})
    : Object.entries(parsed.data.headers ?? {}).map(([name, value]) => [name, [value]] as const)
  return {
    status,
    reason: reasonOf(status, statusDescription),
    headers: checked(headers, bytes),
    body: bytes,
  }
}

/** An answer of the balancer itself. */
export function ownAnswer(status: number): Answer {
  // 463 is AWS's own and has no phrase.
  const title = `${status} ${STATUS_CODES[status] ?? ''}`.trim()
  const lines = [
    '<html>',
    `<head><title>${title}</title></head>`,
    '<body>',
    `<center><h1>${title}</h1></center>`,
    '</body>',
    '</html>',
    '',
  ]
  return fixedAnswer({ status, contentType: 'text/html', body: lines.join('\r\n') })
}

/** What a rule of type fixed-response says. */
export type FixedAnswer = {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

export function fixedAnswer({ status, contentType, body }: FixedAnswer): Answer {
  const headers = [
    ['server', ['awselb/2.0']],
    ['content-type', [contentType]],
  ] as const
  return { status, reason: STATUS_CODES[status] ?? '', headers, body: Buffer.from(body) }
}

function checked(
  headers: readonly (readonly [string, readonly string[]])[],
  body: Buffer,
): Answer['headers'] {
  const kept = headers.filter(([name]) => {
    const key = name.toLowerCase()
    return key !== 'content-length' && !HOP_BY_HOP.has(key)
  })
  let bytes = 0
  for (const [name, values] of kept) {
    for (const value of values) {
      if (!isHeader(name, value)) throw new MalformedAnswer(`${JSON.stringify(name)} is no header`)
      bytes += name.length + value.length
    }
  }
  if (bytes > ANSWER_HEADERS_BYTES_MAX) throw new MalformedAnswer('its headers are above 32 K')
  const hasType = kept.some(([name]) => name.toLowerCase() === 'content-type')
  // Recalled: a body without a type goes out as bytes.
  return hasType || body.length === 0
    ? kept
    : [...kept, ['content-type', ['application/octet-stream']]]
}

function isHeader(name: string, value: string): boolean {
  try {
    validateHeaderName(name)
    validateHeaderValue(name, value)
    return true
  } catch {
    return false
  }
}

/** `statusDescription` is the code and the phrase, `200 OK`. */
function reasonOf(status: number, description: string | undefined): string {
  const phrase = description?.replace(/^\d{3} */, '')
  return phrase && /^[\x20-\x7e]+$/.test(phrase) ? phrase : (STATUS_CODES[status] ?? '')
}
