import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, it } from '@jest/globals'
import { freePort } from './free-port.ts'

it('gives no port twice, though nobody listens on it yet', async () => {
  const ports = await Promise.all(Array.from({ length: 200 }, freePort))
  expect(new Set(ports).size).toBe(200)
})

it('passes over a port that somebody listens on', async () => {
  const taken = (await freePort()) + 1
  const server = createServer().listen(taken, '127.0.0.1')
  await once(server, 'listening')
  try {
    expect(await freePort()).toBe(taken + 1)
  } finally {
    server.close()
  }
})

it('stays below the ports of outgoing connections', async () => {
  const ports = await Promise.all(Array.from({ length: 50 }, freePort))
  expect(Math.max(...ports)).toBeLessThan(32_768)
})
