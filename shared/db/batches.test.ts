import { expect, it } from '@jest/globals'
import { type Log, silentLog } from '../observe/logger.ts'
import { eachDue, sweepRows } from './batches.ts'
import type { Tx } from './transaction.ts'

const transaction = <Result>(_: unknown, work: (tx: Tx) => Promise<Result>): Promise<Result> =>
  work({} as Tx)
const numbers = (count: number) => Array.from({ length: count }, (_, index) => ({ number: index }))

/** A table whose rows stay due until `done` holds them. */
const table = (count: number) => {
  const done: number[] = []
  const due = async (
    _: Tx,
    { last, limit }: { last: { number: number } | undefined; limit: number },
  ) =>
    numbers(count)
      .filter(({ number }) => !done.includes(number) && number > (last?.number ?? -1))
      .slice(0, limit)
  return { due, done }
}

it('does the work of every row, though there are more than a page', async () => {
  const { due, done } = table(25)
  await eachDue(
    { log: silentLog, transaction },
    {
      ...{ due, rowsMax: 10, pagesMax: 9, failure: 'not done' },
      work: async ({ number }) => done.push(number),
    },
  )
  expect(done).toHaveLength(25)
})

it('logs a row that fails, once in a run, and goes on with the others', async () => {
  const { due, done } = table(25)
  const failed: unknown[] = []
  const log: Log = { ...silentLog, error: (message, fields) => failed.push({ message, ...fields }) }
  await eachDue(
    { log, transaction },
    {
      ...{ due, rowsMax: 10, pagesMax: 9, failure: 'not done' },
      async work({ number }) {
        if (number === 3) throw new TypeError('three is refused')
        done.push(number)
      },
    },
  )
  expect(done).toHaveLength(24)
  expect(failed).toEqual([
    expect.objectContaining({ message: 'not done', number: 3, reason: 'three is refused' }),
  ])
})

it('leaves what is more than its pages to the next run', async () => {
  const { due, done } = table(25)
  const run = () =>
    eachDue(
      { log: silentLog, transaction },
      {
        ...{ due, rowsMax: 10, pagesMax: 2, failure: 'not done' },
        work: async ({ number }) => done.push(number),
      },
    )
  await run()
  expect(done).toHaveLength(20)
  await run()
  expect(done).toHaveLength(25)
})

it('sweeps until nothing is left, a bounded number of rows at a time', async () => {
  let left = 2_500
  const limits: number[] = []
  const swept = await sweepRows({ transaction }, async (_, limit) => {
    limits.push(limit)
    const rows = Math.min(left, limit)
    left -= rows
    return rows
  })
  expect({ swept, left, limits }).toEqual({ swept: 2_500, left: 0, limits: Array(4).fill(1_000) })
})

it('stops sweeping where there is always more: the next run goes on', async () => {
  expect(await sweepRows({ transaction }, async () => 1)).toBe(100)
})
