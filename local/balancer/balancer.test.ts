import { describe, expect, it } from '@jest/globals'
import { eventually } from '../../tests/support/eventually.ts'
import { sampleFunction, sampleLambda } from '../lambda/fixtures/lambda.ts'
import { startBalancer } from './balancer.ts'
import { groupArn, lambdaRule, send, sendRaw, testBalancer } from './fixtures.ts'

const MIB = 1_024 * 1_024

/** Until a condition holds. */
const until = (condition: () => boolean) => eventually(() => expect(condition()).toBe(true))

describe('an answer', () => {
  it('carries status, phrase, headers and body, and a computed length', async () => {
    const answer = {
      statusCode: 201,
      statusDescription: '201 Made',
      headers: { 'Content-Type': 'application/json', ETag: '"1"', 'Content-Length': '999' },
      body: '{"ü":1}',
    }
    await using balancer = await testBalancer(
      [lambdaRule({ multiValueHeaders: false })],
      () => answer,
    )
    const got = await send(balancer.port)
    expect(got).toMatchObject({ status: 201, reason: 'Made', text: '{"ü":1}' })
    expect(got.headers).toMatchObject({
      'content-type': 'application/json',
      etag: '"1"',
      'content-length': '8',
    })
    expect(got.headers).not.toHaveProperty('server')
  })

  it('may set several cookies in multi-value mode, where single headers do not count', async () => {
    const answer = {
      statusCode: 200,
      headers: { 'x-single': 'ignored' },
      multiValueHeaders: { 'Set-Cookie': ['a=1; HttpOnly', 'b=2'], 'X-List': ['one', 'two'] },
    }
    await using balancer = await testBalancer([lambdaRule()], () => answer)
    const { headers } = await send(balancer.port)
    expect(headers['set-cookie']).toEqual(['a=1; HttpOnly', 'b=2'])
    expect(headers['x-list']).toBe('one, two')
    expect(headers).not.toHaveProperty('x-single')
  })

  it('ignores multi-value headers in single mode', async () => {
    const answer = { statusCode: 200, multiValueHeaders: { 'Set-Cookie': ['a=1'] } }
    await using balancer = await testBalancer(
      [lambdaRule({ multiValueHeaders: false })],
      () => answer,
    )
    expect((await send(balancer.port)).headers).not.toHaveProperty('set-cookie')
  })

  it('decodes a base64 body', async () => {
    const bytes = Buffer.from([0, 255, 128])
    const answer = { statusCode: 200, isBase64Encoded: true, body: bytes.toString('base64') }
    await using balancer = await testBalancer([lambdaRule()], () => answer)
    expect((await send(balancer.port)).bytes).toEqual(bytes)
  })

  it('loses the headers that belong to one hop', async () => {
    const headers = {
      'Transfer-Encoding': 'gzip',
      Connection: 'x-secret',
      'Keep-Alive': 'timeout=1',
      'x-kept': 'yes',
    }
    const answer = { statusCode: 200, headers, body: 'x' }
    await using balancer = await testBalancer(
      [lambdaRule({ multiValueHeaders: false })],
      () => answer,
    )
    const got = await send(balancer.port)
    expect(got.text).toBe('x')
    expect(got.headers['x-kept']).toBe('yes')
    expect(got.headers['transfer-encoding']).toBeUndefined()
    expect(got.headers.connection).not.toBe('x-secret')
  })

  it('to HEAD has the length of the body but not the body', async () => {
    await using balancer = await testBalancer([lambdaRule()], () => ({
      statusCode: 200,
      body: 'four',
    }))
    const got = await send(balancer.port, { method: 'HEAD' })
    expect(got).toMatchObject({ status: 200, text: '' })
    expect(got.headers['content-length']).toBe('4')
    expect(balancer.calls[0]?.event.httpMethod).toBe('HEAD')
  })

  it('with 204 has neither body nor length', async () => {
    await using balancer = await testBalancer([lambdaRule()], () => ({
      statusCode: 204,
      body: 'lost',
    }))
    const got = await send(balancer.port)
    expect(got).toMatchObject({ status: 204, text: '' })
    expect(got.headers).not.toHaveProperty('content-length')
  })
})

describe('a malformed answer becomes 502', () => {
  it.each([
    ['no object', null],
    ['a text', 'hello'],
    ['no status', { body: 'x' }],
    ['a status that is no number', { statusCode: '200' }],
    ['a status that is none', { statusCode: 99 }],
    ['a body that is no text', { statusCode: 200, body: { a: 1 } }],
    ['a header that is no text', { statusCode: 200, multiValueHeaders: { a: [1] } }],
    ['a header without a list', { statusCode: 200, multiValueHeaders: { a: 'b' } }],
    ['a header name with a space', { statusCode: 200, multiValueHeaders: { 'a b': ['c'] } }],
    ['a header value that injects', { statusCode: 200, multiValueHeaders: { a: ['b\r\nx: y'] } }],
    ['headers above 32 K', { statusCode: 200, multiValueHeaders: { a: ['x'.repeat(33 * 1_024)] } }],
  ])('%s', async (_what, answer) => {
    await using balancer = await testBalancer([lambdaRule()], () => answer)
    const got = await send(balancer.port, { path: '/v1/x' })
    expect(got).toMatchObject({ status: 502, reason: 'Bad Gateway' })
    expect(got.headers).toMatchObject({ server: 'awselb/2.0', 'content-type': 'text/html' })
    expect(got.text).toContain('<h1>502 Bad Gateway</h1>')
    expect(balancer.problems[0]).toMatch(/^GET \/v1\/x: /)
  })

  it('above 1 MB of JSON, and not at 1 MB', async () => {
    const frame = JSON.stringify({ statusCode: 200, body: '' }).length
    const answer = { statusCode: 200, body: 'x'.repeat(MIB - frame) }
    await using balancer = await testBalancer([lambdaRule()], () => answer)
    expect((await send(balancer.port)).bytes).toHaveLength(MIB - frame)
    answer.body += 'x'
    expect((await send(balancer.port)).status).toBe(502)
  })
})

describe('with a real function', () => {
  it('answers 502 when it fails, times out, cannot start or is throttled', async () => {
    const functions = [
      sampleFunction('fail'),
      sampleFunction('spin', { timeoutSeconds: 0.2 }),
      sampleFunction('gone'),
      sampleFunction('echo', { reservedConcurrency: 0 }),
    ]
    await using lambda = sampleLambda(functions)
    const rules = functions.map(({ name }, priority) => ({
      ...lambdaRule({ functionName: name }),
      conditions: [{ field: 'path', values: [`/${name}`] }] as const,
      priority,
    }))
    await using balancer = await testBalancer(rules, undefined, { invoke: lambda.invoke })
    const statuses = await Promise.all(
      functions.map(async ({ name }) => (await send(balancer.port, { path: `/${name}` })).status),
    )
    expect(statuses).toEqual([502, 502, 502, 502])
    expect(balancer.problems.join('\n')).toMatch(/out of range/)
    expect(balancer.problems.join('\n')).toMatch(/Task timed out after 0\.20 seconds/)
    expect(balancer.problems.join('\n')).toMatch(/Rate Exceeded/)
  })

  it('hands the event over and the trace with it', async () => {
    await using lambda = sampleLambda([sampleFunction('environment')])
    await using balancer = await testBalancer(
      [lambdaRule({ functionName: 'environment' })],
      undefined,
      {
        invoke: async (name, payload, options) => {
          const invoked = await lambda.invoke(name, payload, options)
          return { payload: JSON.stringify({ statusCode: 200, body: invoked.payload }) }
        },
      },
    )
    const root = 'Root=1-5bdb40ca-556d8b0c50dc66f0511bf520'
    const { text } = await send(balancer.port, { headers: ['X-Amzn-Trace-Id', root] })
    expect(JSON.parse(text)._X_AMZN_TRACE_ID).toContain(root)
  })
})

describe('limits on a request', () => {
  const post = (port: number, bytes: number, headers: readonly string[] = []) =>
    send(port, {
      method: 'POST',
      headers: ['content-type', 'text/plain', ...headers],
      body: 'x'.repeat(bytes),
    })

  it('pass a body of 1 MB and refuse a byte more with 413', async () => {
    await using balancer = await testBalancer([lambdaRule()])
    expect((await post(balancer.port, MIB)).status).toBe(200)
    expect((await post(balancer.port, MIB + 1)).status).toBe(413)
    expect((await post(balancer.port, 5 * MIB)).status).toBe(413)
    expect(balancer.calls).toHaveLength(1)
  })

  it.each([
    ['a line above 16 K', { path: `/${'x'.repeat(17 * 1_024)}` }, 414],
    ['a header above 16 K', { headers: ['x-long', 'x'.repeat(17 * 1_024)] }, 400],
    [
      'headers above 64 K',
      { headers: Array.from({ length: 16 }, (_, n) => [`x-${n}`, 'x'.repeat(5_000)]).flat() },
      400,
    ],
  ])('refuse %s', async (_what, sending, status) => {
    await using balancer = await testBalancer([lambdaRule()])
    expect((await send(balancer.port, sending)).status).toBe(status)
    expect(balancer.calls).toHaveLength(0)
  })

  it('refuse more than 30 addresses in x-forwarded-for with 463', async () => {
    await using balancer = await testBalancer([lambdaRule()])
    const through = (count: number) =>
      send(balancer.port, {
        headers: ['x-forwarded-for', Array(count).fill('10.0.0.1').join(', ')],
      })
    expect((await through(30)).status).toBe(200)
    expect((await through(31)).status).toBe(463)
  })

  it('pass headers just below them', async () => {
    await using balancer = await testBalancer([lambdaRule()])
    const headers = [1, 2, 3].flatMap((n) => [`x-${n}`, 'x'.repeat(16_000)])
    expect((await send(balancer.port, { headers })).status).toBe(200)
  })

  it('refuse what is no HTTP, and TRACE', async () => {
    await using balancer = await testBalancer([lambdaRule()])
    expect(await sendRaw(balancer.port, 'nonsense\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 400 Bad Request\r\n/,
    )
    expect((await send(balancer.port, { method: 'TRACE' })).status).toBe(405)
  })
})

describe('a request that no rule takes', () => {
  it('gets the default answer', async () => {
    const rule = { ...lambdaRule(), conditions: [{ field: 'path', values: ['/v1/*'] }] as const }
    await using balancer = await testBalancer([rule])
    expect(await send(balancer.port, { path: '/v2' })).toMatchObject({
      status: 404,
      text: 'Not Found',
    })
    const defaultAnswer = { status: 403, contentType: 'application/json', body: '{}' }
    await using other = await testBalancer([rule], undefined, { defaultAnswer })
    expect(await send(other.port, { path: '/v2' })).toMatchObject({ status: 403, text: '{}' })
  })
})

describe('an upgrade', () => {
  const upgrade = (path: string, protocol = 'websocket') =>
    [`GET ${path} HTTP/1.1`, 'Host: hub', 'Connection: Upgrade, close', `Upgrade: ${protocol}`]
      .concat('', '')
      .join('\r\n')

  it('to a Lambda target is refused with 400', async () => {
    await using balancer = await testBalancer([lambdaRule()])
    expect(await sendRaw(balancer.port, upgrade('/v1/chat'))).toMatch(
      /^HTTP\/1\.1 400 Bad Request\r\n/,
    )
    expect(balancer.calls).toHaveLength(0)
  })

  it('that no rule takes gets the default answer', async () => {
    await using balancer = await testBalancer([])
    expect(await sendRaw(balancer.port, upgrade('/'))).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/)
  })

  it('to anything but a WebSocket is a plain request', async () => {
    await using balancer = await testBalancer([lambdaRule()])
    expect(await sendRaw(balancer.port, upgrade('/', 'h2c'))).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
  })
})

describe('health checks', () => {
  const healthCheck = {
    path: '/health',
    intervalSeconds: 0.01,
    timeoutSeconds: 1,
    healthyThreshold: 2,
    unhealthyThreshold: 2,
    matcher: '200,204-205',
  }

  it('send the event of AWS’s documentation', async () => {
    const rule = lambdaRule({ multiValueHeaders: false, healthCheck })
    await using balancer = await testBalancer([rule])
    await until(() => balancer.health()[groupArn] === 'healthy')
    expect(balancer.calls[0]?.event).toEqual({
      requestContext: { elb: { targetGroupArn: groupArn } },
      httpMethod: 'GET',
      path: '/health',
      queryStringParameters: {},
      headers: { 'user-agent': 'ELB-HealthChecker/2.0' },
      body: '',
      isBase64Encoded: false,
    })
  })

  it('follow the function down and up again, and never keep a request from it', async () => {
    let statusCode = 205
    await using balancer = await testBalancer([lambdaRule({ healthCheck })], () => ({ statusCode }))
    await until(() => balancer.health()[groupArn] === 'healthy')
    statusCode = 503
    await until(() => balancer.health()[groupArn] === 'unhealthy')
    expect((await send(balancer.port)).status).toBe(503)
    statusCode = 204
    await until(() => balancer.health()[groupArn] === 'healthy')
  })

  it('are not made where they are not enabled', async () => {
    await using balancer = await testBalancer([lambdaRule()])
    await send(balancer.port)
    expect(balancer.calls).toHaveLength(1)
    expect(balancer.health()).toEqual({})
  })
})

describe('start and close', () => {
  it('says when the port is taken', async () => {
    await using balancer = await testBalancer([])
    const invoke = async () => ({ payload: '{}' })
    await expect(startBalancer({ port: balancer.port, rules: [], invoke })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    })
  })

  it('lets a running request end and takes no more', async () => {
    const gate = Promise.withResolvers<void>()
    const balancer = await testBalancer([lambdaRule()], async () => {
      await gate.promise
      return { statusCode: 200, body: 'late' }
    })
    const running = send(balancer.port)
    await until(() => balancer.calls.length === 1)
    const closed = balancer.close()
    await expect(send(balancer.port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    gate.resolve()
    expect((await running).text).toBe('late')
    await closed
  })

  it('cuts what does not end in time', async () => {
    const balancer = await testBalancer([lambdaRule()], () => new Promise(() => {}), {
      graceMs: 20,
    })
    const running = send(balancer.port)
    await until(() => balancer.calls.length === 1)
    await Promise.all([
      expect(running).rejects.toMatchObject({ code: 'ECONNRESET' }),
      balancer.close(),
    ])
  })
})
