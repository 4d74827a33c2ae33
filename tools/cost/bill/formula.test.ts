import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { explain } from './explain.ts'
import { beyond, evaluate, fixed, named, plus, times, value, valuesOf, whole } from './formula.ts'
import { microUsd, sumUsd, usd, usdText } from './money.ts'

const price = value('price', '0.0000133334', 'USD per GB-s', { kind: 'price', text: 'us-east-1' })
const seconds = fixed('seconds', 3, 's', 'three')
const bill = named(
  'duration',
  'USD',
  times(named('GB-seconds', 'GB-s', times(seconds, fixed('memory', '0.5', 'GB'))), price),
)

describe('a formula', () => {
  it('computes in decimals, where floating point would not', () => {
    expect(evaluate(plus(fixed('a', '0.1', ''), fixed('b', '0.2', ''))).toFixed()).toBe('0.3')
    expect(evaluate(bill).toFixed()).toBe('0.0000200001')
  })

  it('explains itself with the numbers that it computes with', () => {
    expect(explain(bill)).toEqual([
      'duration = GB-seconds × price',
      '  = 1.5 × 0.0000133334',
      '  = 0.0000200001 USD',
      'GB-seconds = seconds × memory',
      '  = 3 × 0.5',
      '  = 1.5 GB-s',
      'where',
      '  seconds: 3 s (fixed: three)',
      '  memory: 0.5 GB (fixed: by definition)',
      '  price: 0.0000133334 USD per GB-s (price: us-east-1)',
    ])
  })

  it('keeps its parts together when signs mix', () => {
    const sum = named('sum', '', times(plus(seconds, seconds), whole(price)))
    expect(explain(sum).slice(0, 3)).toEqual([
      'sum = (seconds + seconds) × rounded up (price)',
      '  = (3 + 3) × rounded up (0.0000133334)',
      '  = 6',
    ])
  })

  it('never goes below what is free', () => {
    fc.assert(
      fc.property(fc.nat(1e9), fc.nat(1e9), (used, free) => {
        const billed = evaluate(beyond(fixed('used', used, ''), fixed('free', free, '')))
        expect(billed.toFixed()).toBe(String(Math.max(0, used - free)))
      }),
    )
  })

  it('names each of its numbers once', () => {
    expect(valuesOf(times(plus(seconds, seconds), price)).map(({ name }) => name)).toEqual([
      'seconds',
      'price',
    ])
  })
})

describe('money', () => {
  it('is rounded to the micro-dollar, half away from nothing', () => {
    expect(microUsd('0.0000005')).toBe(1n)
    expect(microUsd('-0.0000005')).toBe(-1n)
    expect(microUsd('0.0000004')).toBe(0n)
  })

  it('adds up however many there are', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n })), (amounts) => {
        const texts = amounts.map((each) => usdText(each, 6))
        expect(sumUsd(texts.map((each) => microUsd(each)))).toBe(sumUsd(amounts))
      }),
    )
  })

  it.each([
    [1_234_500_000n, '$1,234.50'],
    [-3_000_000n, '−$3.00'],
    [-1n, '$0.00'],
    [1_234_567_890_123n, '$1,234,567.89'],
  ])('writes %s as %s', (amount, text) => {
    expect(usd(amount)).toBe(text)
  })
})
