import { describe, expect, it } from '@jest/globals'
import { shareOut } from './assigner.ts'

const sharesOf = (members: Readonly<Record<string, readonly string[]>>, partitions: number) =>
  Object.fromEntries(
    [
      ...shareOut(
        Object.entries(members).map(([memberId, topics]) => ({ memberId, topics })),
        () => Array.from({ length: partitions }, (_, index) => index),
      ),
    ].map(([memberId, share]) => [memberId, Object.fromEntries(share)]),
  )

describe('shareOut', () => {
  it('gives each member partitions of its own topics only, and leaves none over', () => {
    expect(sharesOf({ a: ['x'], b: ['y'], c: ['x', 'y'] }, 3)).toEqual({
      a: { x: [0, 2] },
      b: { y: [1] },
      c: { x: [1], y: [0, 2] },
    })
  })

  it('spreads topics of a single partition over the members', () => {
    expect(sharesOf({ a: ['x', 'y'], b: ['x', 'y'] }, 1)).toEqual({ a: { x: [0] }, b: { y: [0] } })
  })

  it('has nothing for a member beyond the number of partitions', () => {
    expect(sharesOf({ a: ['x'], b: ['x'] }, 1)).toEqual({ a: { x: [0] }, b: {} })
  })
})
