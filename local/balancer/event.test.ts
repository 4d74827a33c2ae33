import { describe, expect, it } from '@jest/globals'
import { groupArn, lambdaRule, send, testBalancer } from './fixtures.ts'

const TRACE = /^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$/

describe('the event without multi-value headers', () => {
  it('is the one of AWS’s documentation', async () => {
    await using balancer = await testBalancer([lambdaRule({ multiValueHeaders: false })])
    await send(balancer.port, {
      path: '/?parameter=value',
      headers: [
        'Accept',
        'text/html,application/xhtml+xml',
        'Accept-Language',
        'en-US,en;q=0.8',
        'Content-Type',
        'text/plain',
        'Cookie',
        'cookies',
        'User-Agent',
        'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_6)',
      ],
      body: 'request_body',
    })
    expect(balancer.calls).toEqual([
      {
        name: 'course',
        traceId: expect.stringMatching(TRACE),
        event: {
          requestContext: { elb: { targetGroupArn: groupArn } },
          httpMethod: 'GET',
          path: '/',
          queryStringParameters: { parameter: 'value' },
          headers: {
            accept: 'text/html,application/xhtml+xml',
            'accept-language': 'en-US,en;q=0.8',
            // Not in the documentation's event, but in those that people have logged.
            connection: 'close',
            'content-length': '12',
            'content-type': 'text/plain',
            cookie: 'cookies',
            host: 'hub.example.com',
            'user-agent': 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_6)',
            'x-amzn-trace-id': balancer.calls[0]?.traceId,
            'x-forwarded-for': '127.0.0.1',
            'x-forwarded-port': String(balancer.port),
            'x-forwarded-proto': 'http',
          },
          isBase64Encoded: false,
          body: 'request_body',
        },
      },
    ])
  })

  it('keeps the last of repeated names', async () => {
    await using balancer = await testBalancer([lambdaRule({ multiValueHeaders: false })])
    await send(balancer.port, { path: '/?a=1&a=2', headers: ['X-Tag', 'one', 'x-tag', 'two'] })
    expect(balancer.calls[0]?.event).toMatchObject({
      queryStringParameters: { a: '2' },
      headers: { 'x-tag': 'two' },
    })
  })

  it('has no body and no parameters where the request has none', async () => {
    await using balancer = await testBalancer([lambdaRule({ multiValueHeaders: false })])
    await send(balancer.port)
    expect(balancer.calls[0]?.event).toMatchObject({
      queryStringParameters: {},
      body: '',
      isBase64Encoded: false,
    })
  })
})

describe('the event with multi-value headers', () => {
  it('holds lists only, with every value in order', async () => {
    await using balancer = await testBalancer([lambdaRule()])
    await send(balancer.port, {
      path: '/?myKey=val1&myKey=val2&other=',
      headers: ['Cookie', 'name1=value1', 'Cookie', 'name2=value2'],
    })
    const event = balancer.calls[0]?.event
    expect(event).toMatchObject({
      multiValueQueryStringParameters: { myKey: ['val1', 'val2'], other: [''] },
      multiValueHeaders: { cookie: ['name1=value1', 'name2=value2'], host: ['hub.example.com'] },
    })
    expect(event).not.toHaveProperty('headers')
    expect(event).not.toHaveProperty('queryStringParameters')
  })

  it('takes any name for a key', async () => {
    await using balancer = await testBalancer([lambdaRule()])
    await send(balancer.port, { path: '/?__proto__=a&constructor=b' })
    expect(JSON.stringify(balancer.calls[0]?.event.multiValueQueryStringParameters)).toBe(
      '{"__proto__":["a"],"constructor":["b"]}',
    )
  })
})

describe('path and query', () => {
  it('stay as they were sent: nothing is decoded', async () => {
    await using balancer = await testBalancer([lambdaRule()])
    await send(balancer.port, { path: '/a%2Fb/%C3%BC//c/?q=a%20b+c&%6B=%26&x=1=2&&flag' })
    expect(balancer.calls[0]?.event).toMatchObject({
      path: '/a%2Fb/%C3%BC//c/',
      multiValueQueryStringParameters: { q: ['a%20b+c'], '%6B': ['%26'], x: ['1=2'], flag: [''] },
    })
  })

  it('come out of an absolute request target too', async () => {
    await using balancer = await testBalancer([lambdaRule()])
    await send(balancer.port, { path: 'http://hub.example.com/v1?a=1' })
    expect(balancer.calls[0]?.event.path).toBe('/v1')
  })
})

describe('the body', () => {
  const bytes = Buffer.from([0, 255, 128, 10])

  it.each([
    ['text/plain', false],
    ['text/csv; charset=utf-8', false],
    ['application/json', false],
    ['Application/JSON;charset=utf-8', false],
    ['application/javascript', false],
    ['application/xml', false],
    ['application/problem+json', true],
    ['application/octet-stream', true],
    ['image/png', true],
    [undefined, true],
  ])('of type %s is base64: %p', async (type, isBase64Encoded) => {
    await using balancer = await testBalancer([lambdaRule()])
    const body = isBase64Encoded ? bytes : 'grüße'
    await send(balancer.port, { method: 'POST', headers: type ? ['content-type', type] : [], body })
    expect(balancer.calls[0]?.event).toMatchObject({
      isBase64Encoded,
      body: isBase64Encoded ? bytes.toString('base64') : 'grüße',
    })
  })

  it('is base64 whenever it is encoded', async () => {
    await using balancer = await testBalancer([lambdaRule()])
    const headers = ['content-type', 'application/json', 'content-encoding', 'gzip']
    await send(balancer.port, { method: 'POST', headers, body: bytes })
    expect(balancer.calls[0]?.event).toMatchObject({ isBase64Encoded: true, body: 'AP+ACg==' })
  })
})

describe('added headers', () => {
  const added = async (...headers: string[]) => {
    await using balancer = await testBalancer([lambdaRule({ multiValueHeaders: false })])
    await send(balancer.port, { headers })
    return balancer.calls[0]?.event.headers ?? {}
  }

  it('append the client to x-forwarded-for and overwrite port and protocol', async () => {
    const forged = [
      'X-Forwarded-For',
      '203.0.113.7',
      'X-Forwarded-Proto',
      'https',
      'X-Forwarded-Port',
      '1',
    ]
    const headers = await added(...forged)
    expect(headers['x-forwarded-for']).toBe('203.0.113.7, 127.0.0.1')
    expect(headers['x-forwarded-proto']).toBe('http')
    expect(headers['x-forwarded-port']).not.toBe('1')
  })

  it('keep an incoming Root and put the balancer’s Self before it', async () => {
    const root = 'Root=1-67891233-abcdef012345678912345678'
    const headers = await added('X-Amzn-Trace-Id', `${root};CalledFrom=app`)
    expect(headers['x-amzn-trace-id']).toMatch(/^Self=1-[0-9a-f]{8}-[0-9a-f]{24};Root=/)
    expect(headers['x-amzn-trace-id']).toContain(`${root};CalledFrom=app`)
  })

  it('add a Root where other fields came without one', async () => {
    expect((await added('X-Amzn-Trace-Id', 'CalledFrom=app'))['x-amzn-trace-id']).toMatch(
      /^Root=1-.*;CalledFrom=app$/,
    )
  })
})
