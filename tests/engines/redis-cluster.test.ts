import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { exportJWK, generateKeyPair } from 'jose'
import {
  aPerson,
  aSigningKey,
  type Behind,
  emit,
  type Person,
  type RunningGateway,
  startBehind,
  startGateway,
} from '../../eks-workloads/gateway/fixtures/hub.ts'
import { producersHeard } from '../../eks-workloads/gateway/reactions.ts'
import { ensureEventLog } from '../../shared/bus/embedded/ensure.ts'
import { busSchema, openBus } from '../../shared/bus/open.ts'
import type { Bus } from '../../shared/bus/port.ts'
import { topicOf } from '../../shared/events/topics.ts'
import { silentLog } from '../../shared/observe/logger.ts'
import { ROLE_PASSWORD, useDatabase } from '../support/database.ts'
import { type RedisEngine, startRedisCluster } from '../support/engines/redis.ts'
import { eventually } from '../support/eventually.ts'

// Made by the stage (redis.ts), since Node reads whom to trust when it starts.
const { KEY_FILE = '', NODE_EXTRA_CA_CERTS = '' } = process.env
const WITHIN = { timeoutMs: 30_000 }
const SETUP_TIMEOUT_MS = 60_000
const LIMIT = 20
const CALLERS_AT_ONCE = 8
const SLOTS_MOVED = 1_000

// Two replicas of the gateway count in one cluster of three shards, whose keys spread over all of them. It is reached
// as ElastiCache is, through TLS and with a password.
describe('rate limits on a Redis cluster', () => {
  const database = useDatabase()
  let redis: RedisEngine
  let bus: Bus
  let behind: Behind
  let key: Awaited<ReturnType<typeof aSigningKey>>
  let replicas: readonly RunningGateway[] = []

  beforeAll(async () => {
    redis = await startRedisCluster({ keyFile: KEY_FILE, certificateFile: NODE_EXTRA_CA_CERTS })
    const url = await ensureEventLog({ databaseUrl: database.url, rolePassword: ROLE_PASSWORD })
    bus = await openBus(busSchema.parse({ EVENT_LOG_URL: url }), { log: silentLog })
    await bus.ensureTopics(producersHeard.map(topicOf), { partitions: 1 })
    const pair = await generateKeyPair('EdDSA', { extractable: true })
    const signingKey = { ...(await exportJWK(pair.privateKey)), kid: 'internal' }
    behind = await startBehind({ ...(await exportJWK(pair.publicKey)), kid: 'internal' })
    key = await aSigningKey('key-1')
    behind.keys = [key.jwk]
    const environment = {
      REDIS_URL: redis.url,
      REDIS_CLUSTER: 'true',
      // A machine that is busy with other things is no Redis that is away.
      REDIS_TIMEOUT_MS: '5000',
      RATE_DEFAULT: '1000000',
      RATE_WRITE: String(LIMIT),
    }
    const start = () => startGateway({ behind, bus, signingKey, environment })
    replicas = await Promise.all([start(), start()])
    for (const { url: gateway } of replicas)
      await eventually(
        async () => expect((await fetch(`${gateway}/ready`)).status).toBe(200),
        WITHIN,
      )
    await expectAllShardsCounting()
  }, SETUP_TIMEOUT_MS)

  afterAll(async () => {
    await Promise.all(replicas.map((gateway) => gateway.end()))
    await behind?.close()
    await bus?.close()
    await redis?.stop()
  }, SETUP_TIMEOUT_MS)

  type Caller = { readonly person: Person; readonly token: string }
  /** People whom both replicas know by now, so that what follows is about counting alone. */
  const callers = async (count: number): Promise<Caller[]> => {
    const met: Caller[] = []
    while (met.length < count) {
      const person = aPerson()
      const caller = { person, token: await key.sign(person) }
      for (const replica of replicas) expect(await call(replica, caller, 'GET')).toBe(200)
      met.push(caller)
    }
    return met
  }
  const call = async (replica: RunningGateway, { token }: Caller, method = 'POST') => {
    const headers = { authorization: `Bearer ${token}` }
    const response = await fetch(`${replica.url}/v1/probes`, { method, headers })
    const text = await response.text()
    // A refusal says why; nobody but the limit may refuse.
    if (response.status >= 500) throw new Error(text)
    return response.status
  }
  /** Each in turn calls so often at each replica, all at once. @returns how many were let through, by caller. */
  const allowedOf = async (everybody: readonly Caller[], callsPerReplica: number) => {
    const allowed: number[] = []
    for (const caller of everybody) {
      const calls = replicas.flatMap((replica) =>
        Array.from({ length: callsPerReplica }, () => call(replica, caller)),
      )
      const statuses = await Promise.all(calls)
      expect(statuses.filter((status) => status !== 200 && status !== 429)).toEqual([])
      allowed.push(statuses.filter((status) => status === 200).length)
    }
    return allowed
  }
  const keysInRedis = async () => {
    const sizes = redis.nodes.map(({ port }) => redis.cli(['-p', String(port), 'dbsize']))
    return (await Promise.all(sizes)).map(Number)
  }
  /** Every replica counts strangers on every shard. */
  async function expectAllShardsCounting() {
    for (const replica of replicas)
      await eventually(async () => {
        const strangers = await callers(30)
        const before = await keysInRedis()
        await Promise.all(strangers.map((stranger) => call(replica, stranger)))
        const grown = (await keysInRedis()).map((size, shard) => size - (before[shard] ?? 0))
        expect(grown.reduce((sum, size) => sum + size, 0)).toBe(strangers.length)
        expect(Math.min(...grown)).toBeGreaterThan(0)
      }, WITHIN)
  }
  /** Calls go on at both replicas during `work`. @returns how many there were. */
  const underLoad = async (work: () => Promise<void>): Promise<number> => {
    const everybody = await callers(30)
    const statuses: number[] = []
    let isLoading = true
    const loading = Array.from({ length: CALLERS_AT_ONCE }, async (_, index) => {
      for (let turn = index; isLoading; turn += 1) {
        const [replica, caller] = [replicas[turn % 2], everybody[turn % everybody.length]]
        if (replica && caller) statuses.push(await call(replica, caller, 'GET'))
      }
    })
    /** So many answers later, what happened has been met by calls of every kind. */
    const moreAnswers = async () => {
      const wanted = statuses.length + 200
      await eventually(() => expect(statuses.length).toBeGreaterThan(wanted), WITHIN)
    }
    try {
      await moreAnswers()
      await work()
      await moreAnswers()
    } finally {
      isLoading = false
      await Promise.all(loading)
    }
    expect(statuses.filter((status) => status !== 200)).toEqual([])
    return statuses.length
  }

  it('are exact for both replicas together, on every shard', async () => {
    const everybody = await callers(24)
    expect(await allowedOf(everybody, LIMIT)).toEqual(everybody.map(() => LIMIT))
  })

  it('follow slots that move to another shard under load, forgetting no call', async () => {
    const everybody = await callers(24)
    const half = LIMIT / 4
    expect(await allowedOf(everybody, half)).toEqual(everybody.map(() => 2 * half))
    const ids = await Promise.all(
      redis.nodes.map(({ port }) => redis.cli(['-p', String(port), 'cluster', 'myid'])),
    )
    const [from, to] = ids.map((id) => id.trim())
    const port = redis.nodes[0]?.port
    const reshard = [
      ...['--cluster', 'reshard', `127.0.0.1:${port}`, '--cluster-yes'],
      ...['--cluster-from', String(from), '--cluster-to', String(to)],
      ...['--cluster-slots', String(SLOTS_MOVED)],
    ]
    await underLoad(async () => {
      await redis.cli(reshard)
    })
    expect(await allowedOf(everybody, LIMIT)).toEqual(everybody.map(() => LIMIT - 2 * half))
  })

  it('begin anew after a flush, which no caller notices', async () => {
    const everybody = await callers(24)
    expect(await allowedOf(everybody, LIMIT)).toEqual(everybody.map(() => LIMIT))
    await underLoad(() => redis.flush())
    expect(await allowedOf(everybody, LIMIT)).toEqual(everybody.map(() => LIMIT))
  })

  it('are each replica’s own for the keys of a shard that dies under load, until it is back', async () => {
    const node = redis.nodes[1]
    await underLoad(async () => node?.process.kill())
    const allowed = await allowedOf(await callers(40), LIMIT)
    // One limit where the shard lives, one for each replica where it does not; nothing between or beyond.
    expect(new Set(allowed)).toEqual(new Set([LIMIT, 2 * LIMIT]))
    await underLoad(async () => node?.restart())
    await expectAllShardsCounting()
    const everybody = await callers(24)
    expect(await allowedOf(everybody, LIMIT)).toEqual(everybody.map(() => LIMIT))
  })

  it('have no part in revocation: a session that is over stays so without Redis', async () => {
    const [caller] = await callers(1)
    if (!caller) throw new Error('there is a caller')
    const statuses = () => Promise.all(replicas.map((replica) => call(replica, caller, 'GET')))
    expect(await statuses()).toEqual([200, 200])
    const { sessionId, accountId } = caller.person
    await emit(bus, 'session.revoked', { sessionId, accountId, reason: 'signed_out' })
    await eventually(async () => expect(await statuses()).toEqual([401, 401]), WITHIN)
    await redis.flush()
    expect(await statuses()).toEqual([401, 401])
    await Promise.all(redis.nodes.map((each) => each.process.kill()))
    expect(await statuses()).toEqual([401, 401])
    const [stranger] = await callers(1)
    if (stranger)
      expect(await Promise.all(replicas.map((each) => call(each, stranger)))).toEqual([200, 200])
    await Promise.all(redis.nodes.map((each) => each.restart()))
    await expectAllShardsCounting()
    expect(await statuses()).toEqual([401, 401])
  })
})
