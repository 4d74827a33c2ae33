import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { afterEach, describe, expect, it } from '@jest/globals'
import { runTool } from '../support/command.ts'

type Answer = { readonly status: number; readonly body: string }

const well = (version: string): Answer => ({
  status: 200,
  body: JSON.stringify({ status: 'ok', version }),
})

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** Gives the answers in turn, and goes on with the last. */
const serve = async (answers: readonly Answer[]) => {
  const asked: string[] = []
  const server = createServer((request, response) => {
    const answer = answers[Math.min(asked.length, answers.length - 1)]
    asked.push(request.url ?? '')
    response.writeHead(answer?.status ?? 500).end(answer?.body)
  }).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || !address) throw new Error('no address')
  return { url: `http://127.0.0.1:${address.port}`, asked }
}

const within = ['--within', '1']

describe('npm run health', () => {
  it('waits until the former version is gone', async () => {
    const { url, asked } = await serve([{ status: 503, body: '' }, well('1'), well('2')])
    const { code, out } = await runTool('health', [url, '--version', '2', '--within', '60'])
    expect(out).toBe(`${url}/health is well as version 2.`)
    expect(code).toBe(0)
    expect(asked).toEqual(Array(5).fill('/health'))
  })

  it('begins to count anew where the former version answers in between', async () => {
    const { url, asked } = await serve([well('2'), well('1'), well('2')])
    const { code } = await runTool('health', [url, '--version', '2', '--within', '60'])
    expect(code).toBe(0)
    expect(asked).toHaveLength(5)
  })

  it('asks the path that it is given, and is content with any good answer', async () => {
    const { url, asked } = await serve([{ status: 200, body: 'no JSON' }])
    expect((await runTool('health', [`${url}/v1/jwks`, ...within])).code).toBe(0)
    expect(new Set(asked)).toEqual(new Set(['/v1/jwks']))
  })

  it.each([
    ['another version', [well('1')], 'says it is version 1, not 2, after 1 s.'],
    ['no version', [{ status: 200, body: '{}' }], 'says it is version unknown, not 2, after 1 s.'],
    ['an error', [{ status: 502, body: '' }], 'answers 502, after 1 s.'],
  ])('gives up on %s', async (_name, answers, sentence) => {
    const { url } = await serve(answers)
    const { code, error } = await runTool('health', [url, '--version', '2', ...within])
    expect(error).toBe(`${url}/health ${sentence}`)
    expect(code).toBe(1)
  })

  it('gives up on nobody', async () => {
    const { code, error } = await runTool('health', ['http://127.0.0.1:9', ...within])
    expect(error).toMatch(/does not answer: .*, after 1 s\.$/)
    expect(code).toBe(1)
  })

  it.each([
    [[]],
    [['not an address']],
    [['ftp://hub.test']],
    [['http://a.test', 'http://b.test']],
    [['http://a.test', '--within', '0']],
    [['http://a.test', '--other']],
  ])('refuses %j', async (args) => {
    const { code, error } = await runTool('health', args)
    expect(error).toMatch(/^It takes one http address/)
    expect(code).toBe(1)
  })
})
