import { afterEach, beforeAll, describe, expect, it } from '@jest/globals'
import { useDatabase } from '../../tests/support/database.ts'
import { eventually } from '../../tests/support/eventually.ts'
import { silentLog } from '../observe/logger.ts'
import { assign } from './embedded/assign.ts'
import { ensureEventLog } from './embedded/ensure.ts'
import { type EmbeddedBus, openEmbeddedBus, RETENTION, type Retention } from './embedded.ts'

// What only the embedded log promises; everything else stands in the conformance suite.
describe('the embedded log', () => {
  const database = useDatabase()
  const opened: EmbeddedBus[] = []
  let url: string
  beforeAll(async () => {
    url = await ensureEventLog({ databaseUrl: database.url, rolePassword: 'hub-test' })
  })
  afterEach(() => Promise.all(opened.splice(0).map((bus) => bus.close())))
  const open = (retention: Retention = RETENTION) => {
    const bus = openEmbeddedBus({ url, log: silentLog, retention })
    opened.push(bus)
    return bus
  }
  const numbered = (topic: string, count: number) =>
    Array.from({ length: count }, (_, index) => ({ topic, key: 'key', value: `${index}` }))

  it('may be set up again over what is there', async () => {
    const bus = open()
    await bus.ensureTopics(['again'], { partitions: 2 })
    await bus.send(numbered('again', 3))
    expect(await ensureEventLog({ databaseUrl: database.url, rolePassword: 'hub-test' })).toBe(url)
    await bus.ensureTopics(['again'], { partitions: 5 })
    const rows = await database.query(`select * from event_log.head where topic = 'again'`)
    expect(rows).toHaveLength(2)
  })

  it('forgets what is beyond its retention, and readers go on after the gap', async () => {
    const bus = open({ ...RETENTION, recordsPerPartitionMax: 3 })
    await bus.ensureTopics(['trimmed'], { partitions: 1 })
    await bus.send(numbered('trimmed', 10))
    expect(await bus.trim()).toBe(7)
    const offsets: number[] = []
    bus.consume({
      group: 'late',
      topics: ['trimmed'],
      fromBeginning: true,
      handler: async ({ records }) => {
        offsets.push(...records.map(({ offset }) => offset))
        return undefined
      },
    })
    await eventually(() => expect(offsets).toEqual([7, 8, 9]))
    const old = open({ ...RETENTION, ageMsMax: 0 })
    expect(await old.trim()).toBeGreaterThanOrEqual(3)
    await bus.send(numbered('trimmed', 1))
    await eventually(() => expect(offsets).toEqual([7, 8, 9, 10]))
  })

  it('goes on after every connection was cut', async () => {
    const bus = open()
    await bus.ensureTopics(['cut'], { partitions: 2 })
    const values: string[] = []
    bus.consume({
      group: 'steady',
      topics: ['cut'],
      fromBeginning: true,
      handler: async ({ records }) => {
        values.push(...records.map(({ value }) => String(value)))
        return undefined
      },
    })
    await bus.send(numbered('cut', 2))
    await eventually(() => expect(values).toEqual(['0', '1']))
    await database.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'hub_event_log'
       and datname = current_database()`,
    )
    await eventually(() => bus.send([{ topic: 'cut', key: 'key', value: 'after' }]))
    await eventually(() => expect(values.at(-1)).toBe('after'))
  })
})

describe('assign', () => {
  const partitions = (topic: string, count: number) =>
    Array.from({ length: count }, (_, partition) => ({ topic, partition }))

  it('gives every partition to exactly one member that wants it, evenly', () => {
    const members = [
      { id: 'b', topics: ['x'] },
      { id: 'a', topics: ['x', 'y'] },
    ]
    const all = [...partitions('x', 4), ...partitions('y', 3)]
    const assigned = assign(members, all)
    const given = [...assigned.values()].flat()
    expect(given).toHaveLength(all.length)
    expect(new Set(given.map((each) => JSON.stringify(each))).size).toBe(all.length)
    expect(assigned.get('b')?.every(({ topic }) => topic === 'x')).toBe(true)
    expect(assigned.get('b')?.length).toBeGreaterThanOrEqual(2)
  })

  it('is the same whatever order members and partitions come in', () => {
    const members = ['c', 'a', 'b'].map((id) => ({ id, topics: ['x'] }))
    const all = partitions('x', 7)
    expect(assign([...members].reverse(), [...all].reverse())).toEqual(assign(members, all))
  })

  it('leaves a topic that nobody wants to nobody', () => {
    expect(assign([{ id: 'a', topics: ['x'] }], partitions('y', 2)).get('a')).toEqual([])
  })
})
