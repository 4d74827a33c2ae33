import { describe, expect, it } from '@jest/globals'
import { type Found, judge } from './drill.ts'
import type { Write } from './load.ts'

// The drill would notice: each planted fault is a finding.

const history: readonly Write[] = [1, 2, 3, 4, 5, 6].map((id) => ({
  id,
  begunAt: id * 10,
  acknowledgedAt: id === 6 ? undefined : id * 10 + 5,
}))

const found = (ids: readonly number[], torn = 0): Found => ({ tookMs: 1, ids: new Set(ids), torn })

const drill = (inTime: Found, atEnd: Found) =>
  judge({ history, until: 30, destroyedAt: 100, inTime, atEnd })

describe('the restore drill', () => {
  it('is content with what was promised, and measures what is lost', () => {
    expect(drill(found([1, 2]), found([1, 2, 3, 4]))).toMatchObject({
      acknowledged: 5,
      toPointInTime: { before: 2, after: 3 },
      toTheEnd: { lostMs: 55 },
      findings: [],
    })
  })

  it('does not ask for what was under way at the point in time, or was never answered', () => {
    expect(drill(found([1, 2, 3]), found([1, 2, 3, 4, 5, 6])).findings).toEqual([])
  })

  it.each([
    ['a write before it is lost', found([1]), /^1 acknowledged writes .* are lost/],
    ['a write after it is there', found([1, 2, 4]), /^1 writes from after .* are there/],
    ['a transaction is there by half', found([1, 2], 1), /^1 transactions are there by half/],
  ])('finds when %s', (_name, inTime, sentence) => {
    expect(drill(inTime, found([1, 2, 3, 4])).findings).toEqual([expect.stringMatching(sentence)])
  })

  it('finds a hole in the log', () => {
    expect(drill(found([1, 2]), found([1, 2, 4])).findings).toEqual([
      '1 writes are missing between others.',
    ])
  })
})
