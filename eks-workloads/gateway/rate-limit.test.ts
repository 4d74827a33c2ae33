import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from '@jest/globals'
import { silentLog } from '../../shared/observe/logger.ts'
import { eventually } from '../../tests/support/eventually.ts'
import { createRateLimiter, type RateLimiter } from './rate-limit.ts'

// Redis as far as the library's counting script needs it: RESP arrays in; EVALSHA counts its key for 60 s.
const startRedis = async (port = 0) => {
  const counts = new Map<string, number>()
  const sockets = new Set<Socket>()
  const answer = (words: readonly string[]): string => {
    const command = words[0]?.toUpperCase()
    if (command === 'INFO') return '$15\r\nredis_version:7\r\n'
    if (command === 'EVALSHA' || command === 'EVAL') {
      const count = (counts.get(words[3] ?? '') ?? 0) + 1
      counts.set(words[3] ?? '', count)
      return `*2\r\n:${count}\r\n:60000\r\n`
    }
    return '+OK\r\n'
  }
  const server = createServer((socket) => {
    sockets.add(socket)
    let text = ''
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      text += chunk
      for (;;) {
        const size = Number(/^\*(\d+)\r\n/.exec(text)?.[1] ?? 0)
        const found = size > 0 ? wordsOf(text, size) : undefined
        if (!found) return
        text = found.rest
        socket.write(answer(found.words))
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const address = server.address()
  const listensOn = typeof address === 'object' && address ? address.port : 0
  return { server, counts, port: listensOn, stop: () => stop(server, sockets) }
}

const wordsOf = (text: string, size: number) => {
  let at = text.indexOf('\r\n') + 2
  const words: string[] = []
  while (words.length < size) {
    const lineEnd = text.indexOf('\r\n', at)
    if (lineEnd === -1) return undefined
    const length = Number(text.slice(at + 1, lineEnd))
    const end = lineEnd + 2 + length
    if (text.length < end + 2) return undefined
    words.push(text.slice(lineEnd + 2, end))
    at = end + 2
  }
  return { words, rest: text.slice(at) }
}

const stop = (server: Server, sockets: ReadonlySet<Socket>) =>
  new Promise<void>((resolve) => {
    server.close(() => resolve())
    for (const socket of sockets) socket.destroy()
  })

const limiters: RateLimiter[] = []
const replica = (port: number) => {
  const limiter = createRateLimiter({
    limits: { default: 3, write: 3, sensitive: 3, media: 3 },
    redis: { url: `redis://127.0.0.1:${port}`, isCluster: false, timeoutMs: 5_000 },
    log: silentLog,
  })
  limiters.push(limiter)
  return limiter
}

afterEach(() => {
  for (const limiter of limiters.splice(0)) limiter.close()
})

describe('rate limits in Redis', () => {
  it('hold for all replicas together, under keys that name nobody', async () => {
    const redis = await startRedis()
    const [one, two] = [replica(redis.port), replica(redis.port)]
    // Until both are connected each counts by itself.
    await eventually(async () => {
      await Promise.all([one.take('write', 'warm-1'), two.take('write', 'warm-2')])
      expect(redis.counts.size).toBe(2)
    })
    const allowed: boolean[] = []
    for (const limiter of [one, two, one, two])
      allowed.push((await limiter.take('default', 'org|somebody')).isAllowed)
    expect(allowed).toEqual([true, true, true, false])
    expect([...redis.counts.keys()].join()).not.toContain('somebody')
    await redis.stop()
  })

  it('go on in memory while Redis is away, and in Redis once it is back', async () => {
    const redis = await startRedis()
    const limiter = replica(redis.port)
    await eventually(async () => {
      await limiter.take('default', 'warm')
      expect(redis.counts.size).toBe(1)
    })
    await redis.stop()
    const allowed: boolean[] = []
    for (let n = 0; n < 4; n += 1) allowed.push((await limiter.take('default', 'a')).isAllowed)
    expect(allowed).toEqual([true, true, true, false])
    const again = await startRedis(redis.port)
    await eventually(async () => {
      await limiter.take('default', 'b')
      expect(again.counts.size).toBeGreaterThan(0)
    })
    await again.stop()
  })
})
