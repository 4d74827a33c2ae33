import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import * as z from 'zod'
import { defineContract } from '../contracts/define.ts'
import { clientOf } from './client.ts'

const contract = defineContract({
  service: 'bell',
  prefix: '/v1/bells',
  title: 'A bell',
  operations: {
    getBell: {
      ...{ method: 'GET', path: '/one', summary: 'Ask', scope: 'public', status: 200 },
      answer: z.object({ rung: z.number() }),
      errors: [],
    },
    ringBell: {
      ...{ method: 'POST', path: '/one/ring', summary: 'Ring', scope: 'public', status: 200 },
      answer: z.object({ rung: z.number() }),
      errors: [],
    },
  },
})

// Another service, behind a balancer that breaks so many connections when the next request comes.
let server: Server
let requests = 0
let breaks = 0
let client: ReturnType<typeof clientOf<typeof contract>>

beforeAll(async () => {
  server = createServer(({ socket }, response) => {
    requests += 1
    if (breaks > 0) {
      breaks -= 1
      socket.destroy()
      return
    }
    response.end(JSON.stringify({ rung: requests }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  client = clientOf(contract, { baseUrl: `http://127.0.0.1:${port}` })
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(() => {
  requests = 0
})

const as = { headers: new Headers(), traceparent: '' }
const UNAVAILABLE = { kind: 'unavailable', code: 'bell.unavailable' }

describe('a call of another service', () => {
  it('that only asks goes on over another connection where one had been closed', async () => {
    expect(await client.getBell({}, as)).toEqual({ rung: 1 })
    breaks = 1
    expect(await client.getBell({}, as)).toEqual({ rung: 3 })
  })

  it('is given up when that breaks too', async () => {
    breaks = 2
    await expect(client.getBell({}, as)).rejects.toMatchObject(UNAVAILABLE)
    expect([requests, breaks]).toEqual([2, 0])
  })

  it('that changes something is never sent twice', async () => {
    breaks = 1
    await expect(client.ringBell({}, as)).rejects.toMatchObject(UNAVAILABLE)
    expect(requests).toBe(1)
  })
})
