import type { ALBEvent, ALBResult } from 'aws-lambda'

/**
 * An ALB's event as a web request. Query values arrive as the client encoded them and stay so; repeated headers
 * and parameters survive, because every target group has multi-value headers on.
 */
export const toRequest = (event: ALBEvent): Request => {
  const headers = new Headers()
  for (const [name, values] of Object.entries(multiHeaders(event)))
    for (const value of values ?? []) headers.append(name, value)
  const query = Object.entries(multiQuery(event)).flatMap(([name, values]) =>
    (values ?? []).map((value) => `${name}=${value}`),
  )
  const host = headers.get('host') ?? 'internal'
  const url = `http://${host}${event.path}${query.length > 0 ? `?${query.join('&')}` : ''}`
  const hasBody = event.body !== null && event.body !== '' && !BODILESS.has(event.httpMethod)
  return new Request(url, {
    method: event.httpMethod,
    headers,
    ...(hasBody && {
      body: event.isBase64Encoded ? Buffer.from(event.body ?? '', 'base64') : event.body,
    }),
  })
}

/** A web response as an ALB wants it; anything but text travels as base64. */
export const toResult = async (response: Response): Promise<ALBResult> => {
  const multiValueHeaders: Record<string, string[]> = {}
  for (const [name, value] of response.headers) {
    // `Headers` yields each Set-Cookie by itself and joins all others.
    const values = multiValueHeaders[name] ?? []
    values.push(value)
    multiValueHeaders[name] = values
  }
  const isText = TEXT.test(response.headers.get('content-type') ?? 'text/plain')
  return {
    statusCode: response.status,
    statusDescription: `${response.status} ${response.statusText || REASONS[response.status] || 'Status'}`,
    multiValueHeaders,
    isBase64Encoded: !isText,
    body: isText
      ? await response.text()
      : Buffer.from(await response.arrayBuffer()).toString('base64'),
  }
}

const BODILESS = new Set(['GET', 'HEAD'])
const TEXT = /^text\/|^application\/(json|javascript|xml|[\w.-]+\+json|vnd\.apple\.mpegurl)/

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  204: 'No Content',
  302: 'Found',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}

const multiHeaders = (event: ALBEvent): Record<string, string[] | undefined> =>
  event.multiValueHeaders ?? toLists(event.headers ?? {})

const multiQuery = (event: ALBEvent): Record<string, string[] | undefined> =>
  event.multiValueQueryStringParameters ?? toLists(event.queryStringParameters ?? {})

const toLists = (single: Record<string, string | undefined>): Record<string, string[]> =>
  Object.fromEntries(Object.entries(single).map(([name, value]) => [name, [value ?? '']]))
