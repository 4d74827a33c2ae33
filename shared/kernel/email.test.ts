import { describe, expect, it } from '@jest/globals'
import { emailKeyOf } from './email.ts'

describe('emailKeyOf', () => {
  it.each([
    ['Ada@Example.org', 'ada@example.org'],
    [' ada@example.org ', 'ada@example.org'],
    ['ａｄａ@example.org', 'ada@example.org'],
  ])('makes %s and its like one address', (typed, key) => {
    expect(emailKeyOf(typed)).toBe(key)
  })
})
