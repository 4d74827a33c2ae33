import { beforeAll, describe, expect, it } from '@jest/globals'
import { hubTopics } from '../../shared/bus/hub-topics.ts'
import { lendAdmin } from '../../shared/bus/kafka/admin.ts'
import { applyTopics, readTopics } from '../../shared/bus/kafka/topics.ts'
import { brokersSchema, busSchema, kafkaConnectionOf, openBus } from '../../shared/bus/open.ts'
import { DAY_MS } from '../../shared/kernel/time.ts'
import { silentLog } from '../../shared/observe/logger.ts'
import { runTool } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'

const SETUP_TIMEOUT_MS = 60_000
const WITHIN = { timeoutMs: 30_000 }
const [FIRST = '', SECOND = ''] = hubTopics.map(({ name }) => name)

// The program itself, as `npm run topics` runs it, against the cluster of the environment: three brokers.
const topics = async (flags: readonly string[], environment: Record<string, string> = {}) => {
  const { code, out, error } = await runTool('topics', flags, environment)
  return { code, lines: out.split('\n'), error }
}

const config = () => busSchema.parse({ ...process.env, EVENT_LOG_URL: undefined })
const connection = () => kafkaConnectionOf(config(), brokersSchema.parse(process.env.KAFKA_BROKERS))
const found = async () => {
  const names = hubTopics.map(({ name }) => name)
  return new Map(
    (await lendAdmin(connection(), (admin) => readTopics(admin, names))).map((each) => [
      each.name,
      each,
    ]),
  )
}

describe('npm run topics', () => {
  beforeAll(async () => {
    // One that somebody has made by hand: too few partitions, and settings of its own.
    const wanted = hubTopics.find(({ name }) => name === SECOND)
    if (!wanted) throw new Error('the hub has topics')
    await lendAdmin(connection(), async (admin) => {
      await applyTopics(admin, [{ kind: 'create', topic: { ...wanted, partitions: 2 } }])
      const settings = new Map([
        ['retention.ms', String(DAY_MS)],
        ['segment.bytes', '104857600'],
      ])
      await applyTopics(admin, [{ kind: 'configure', name: SECOND, changes: [], settings }])
    })
  }, SETUP_TIMEOUT_MS)

  it('says what it would do, and does nothing of it', async () => {
    // Each broker hears of a change in its own time.
    await eventually(
      async () => {
        const { code, lines } = await topics(['--plan'])
        expect(code).toBe(0)
        expect(lines).toContain(
          `create     ${FIRST}: 12 partition(s), 3 replica(s), 2 in sync, kept 7 days`,
        )
        expect(lines).toContain(`keep       ${SECOND}: has 2 of 12 partitions; --grow adds them`)
        expect(lines.join('\n')).toContain(`retention.ms ${DAY_MS} -> ${7 * DAY_MS}`)
      },
      { timeoutMs: 20_000 },
    )
    expect([...(await found()).keys()]).toEqual([SECOND])
  })

  it('makes every topic of the registry as it is wanted, and then finds nothing to do', async () => {
    expect(await topics([])).toMatchObject({ code: 0, error: '' })
    // Each broker hears of a change in its own time.
    await eventually(async () => {
      const existing = await found()
      for (const { name, replicas, retentionMs, partitions } of hubTopics) {
        const topic = existing.get(name)
        expect(topic).toMatchObject({ replicas, partitions: name === SECOND ? 2 : partitions })
        expect(topic?.settings.get('retention.ms')).toBe(String(retentionMs))
        expect(topic?.settings.get('min.insync.replicas')).toBe('2')
      }
      expect(existing.get(SECOND)?.settings.get('segment.bytes')).toBe('104857600')
    }, WITHIN)
    await eventually(
      async () =>
        expect((await topics([])).lines.at(-1)).toBe(
          `${hubTopics.length} topics: 0 change(s) made, 1 difference(s) left as they are.`,
        ),
      WITHIN,
    )
  })

  it('signs in as the user of a secret', async () => {
    const { KAFKA_USERNAME: username, KAFKA_PASSWORD: password } = process.env
    const signingIn = (given: string | undefined) =>
      topics(['--plan'], {
        ...{ KAFKA_USERNAME: '', KAFKA_PASSWORD: '' },
        KAFKA_USER: JSON.stringify({ username, password: given }),
      })
    expect(await signingIn(password)).toMatchObject({ code: 0, error: '' })
    expect((await signingIn('wrong')).error).toContain('cannot be used')
  })

  it('adds partitions when it is told to', async () => {
    expect((await topics(['--grow'])).lines).toContain(`grow       ${SECOND}: 2 -> 12 partitions`)
    await eventually(async () => {
      expect((await found()).get(SECOND)?.partitions).toBe(12)
      expect((await topics(['--grow', '--plan'])).lines).toEqual([
        `${hubTopics.length} topics: 0 change(s) to make.`,
      ])
    }, WITHIN)
  })

  it('shows how far each group is behind', async () => {
    const bus = await openBus(config(), { log: silentLog })
    const group = `lagging-${Date.now()}`
    await bus.send(Array.from({ length: 5 }, () => ({ topic: FIRST, key: 'a', value: 'x' })))
    bus.consume({
      group,
      topics: [FIRST],
      fromBeginning: true,
      batchSizeMax: 2,
      handler: async ({ records }) => {
        if (records[0]?.offset !== 0) throw new Error('no more than the first two')
        return undefined
      },
    })
    const row = new RegExp(`^${group} +${FIRST} +\\d+ +2 +5 +3$`)
    await eventually(async () => {
      const { lines } = await topics(['--lag'])
      expect(lines.filter((line) => row.test(line))).toHaveLength(1)
    }, WITHIN)
    await bus.close()
  })

  it.each([
    [['--delete'], {}, 'It takes --plan or --lag, --grow, and --replicas N with N from 1 to 100.'],
    [
      ['--replicas', 'all'],
      {},
      'It takes --plan or --lag, --grow, and --replicas N with N from 1 to 100.',
    ],
    [[], { KAFKA_BROKERS: '' }, 'KAFKA_BROKERS must be host:port, separated by commas.'],
    [
      [],
      { KAFKA_BROKERS: 'localhost:9', KAFKA_TLS: 'false' },
      'Kafka at localhost:9 cannot be used',
    ],
    [[], { KAFKA_PASSWORD: 'wrong' }, 'cannot be used'],
    [[], { KAFKA_USER: 'topics' }, 'KAFKA_USER is not JSON'],
  ])('refuses %j with %j in one sentence', async (flags, environment, sentence) => {
    const { code, error } = await topics(flags, environment)
    expect(code).toBe(1)
    expect(error).toContain(sentence)
    expect(error.split('\n')).toHaveLength(1)
  })
})
