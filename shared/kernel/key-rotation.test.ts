import { describe, expect, it } from '@jest/globals'
import { nextKeyFrom, retiredKeys, signingKeyAt } from './key-rotation.ts'
import { addMs, DAY_MS, instantOf, MINUTE_MS } from './time.ts'

const now = instantOf('2026-03-01T10:00:00.500Z')
const rotation = { lifeMs: 30 * DAY_MS, leadMs: DAY_MS, lingerMs: 75 * MINUTE_MS }
const key = (days: number) => ({ activeFrom: addMs(now, days * DAY_MS) })

describe('the coming key', () => {
  const due = addMs(now, rotation.lifeMs - rotation.leadMs)

  it('signs at once when it is the very first', () => {
    expect(nextKeyFrom([], rotation, now)).toBe(now)
  })

  it('signs only after it has been published for the lead time', () => {
    const first = key(0)
    expect(nextKeyFrom([first], rotation, addMs(due, -1))).toBeUndefined()
    const next = { activeFrom: nextKeyFrom([first], rotation, due) ?? now }
    expect(next.activeFrom - due).toBe(rotation.leadMs)
    expect(signingKeyAt([first, next], addMs(next.activeFrom, -1))).toBe(first)
    expect(signingKeyAt([first, next], next.activeFrom)).toBe(next)
  })

  it('is made once, however often somebody looks', () => {
    expect(nextKeyFrom([key(0), key(30)], rotation, due)).toBeUndefined()
    expect(
      nextKeyFrom([key(0), key(30)], rotation, addMs(now, rotation.lifeMs - 1)),
    ).toBeUndefined()
  })
})

describe('the key that signs', () => {
  const keys = [key(0), key(10), key(20)]

  it('is the youngest in force, in whatever order the keys come', () => {
    const midst = addMs(now, 15 * DAY_MS)
    expect(signingKeyAt(keys, midst)).toBe(keys[1])
    expect(signingKeyAt(keys.toReversed(), midst)).toBe(keys[1])
  })

  it('is none before the first', () => {
    expect(signingKeyAt(keys, addMs(now, -1))).toBeUndefined()
  })

  it('lingers after it was replaced, and not a millisecond longer', () => {
    const replaced = addMs(now, 10 * DAY_MS)
    expect(retiredKeys(keys, rotation, addMs(replaced, rotation.lingerMs - 1))).toEqual([])
    expect(retiredKeys(keys, rotation, addMs(replaced, rotation.lingerMs))).toEqual([keys[0]])
  })
})
