import type { TargetGroup } from '../template/template.ts'
import type { Pair, RequestFacts } from './facts.ts'

/** The event that an ALB hands to a function. */
export type AlbEvent = {
  readonly requestContext: { readonly elb: { readonly targetGroupArn: string } }
  readonly httpMethod: string
  readonly path: string
  readonly queryStringParameters?: Readonly<Record<string, string>>
  readonly multiValueQueryStringParameters?: Readonly<Record<string, readonly string[]>>
  readonly headers?: Readonly<Record<string, string>>
  readonly multiValueHeaders?: Readonly<Record<string, readonly string[]>>
  readonly body: string
  readonly isBase64Encoded: boolean
}

/**
 * Gives the event of a request, in the one shape that the target group's multi-value flag selects.
 *
 * @param headers as the target sees them, see targetHeaders.
 * @see https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
 */
export function albEvent(
  group: Pick<TargetGroup, 'arn' | 'multiValueHeaders'>,
  request: Pick<RequestFacts, 'method' | 'path' | 'query'>,
  headers: readonly Pair[],
  body: Buffer,
): AlbEvent {
  const isBase64Encoded = body.length > 0 && !isText(headers)
  return {
    requestContext: { elb: { targetGroupArn: group.arn } },
    httpMethod: request.method,
    path: request.path,
    ...(group.multiValueHeaders
      ? {
          multiValueQueryStringParameters: allValues(request.query),
          multiValueHeaders: allValues(headers),
        }
      : {
          // Building from pairs keeps the last value of a repeated name, as the balancer does.
          queryStringParameters: Object.fromEntries(request.query),
          headers: Object.fromEntries(headers),
        }),
    body: body.toString(isBase64Encoded ? 'base64' : 'utf8'),
    isBase64Encoded,
  }
}

const TEXT_TYPE = /^(?:text\/.*|application\/(?:json|javascript|xml))$/

/** Anything encoded, and any type that AWS does not list as text, travels as base64. */
function isText(headers: readonly Pair[]): boolean {
  if (headers.some(([name]) => name === 'content-encoding')) return false
  const contentType = headers.find(([name]) => name === 'content-type')?.[1] ?? ''
  return TEXT_TYPE.test((contentType.split(';')[0] ?? '').trim().toLowerCase())
}

function allValues(pairs: readonly Pair[]): Record<string, string[]> {
  const all = new Map<string, string[]>()
  for (const [name, value] of pairs) {
    const values = all.get(name)
    if (values) values.push(value)
    else all.set(name, [value])
  }
  return Object.fromEntries(all)
}
