import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { createRecentMax } from './recent-max.ts'

describe('the largest of the last values', () => {
  it('is what looking at all of them finds', () => {
    const values = fc.array(fc.nat({ max: 20 }), { maxLength: 200 })
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 20 }), (all, length) => {
        const recent = createRecentMax(length)
        all.forEach((value, index) => {
          recent.push(value)
          const last = all.slice(Math.max(0, index + 1 - length), index + 1)
          expect(recent.read()).toBe(Math.max(...last))
        })
      }),
    )
  })

  it('is 0 where there is none', () => {
    expect(createRecentMax(3).read()).toBe(0)
  })
})
