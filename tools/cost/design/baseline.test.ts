import { writeFile } from 'node:fs/promises'
import { describe, expect, it } from '@jest/globals'
import { priceLine, totalOf } from '../bill/line.ts'
import { microUsd, usd } from '../bill/money.ts'
import { readPrices } from '../inputs/prices.ts'
import { readScenario, type Scenario } from '../inputs/scenario.ts'
import { scratchFile } from '../testing.ts'
import {
  baselineLines,
  compareWithList,
  missingFromBaseline,
  optimisedBaseline,
  readBaseline,
} from './baseline.ts'

const loads = { baseline: await readScenario('baseline'), peak: await readScenario('peak') }
const totalAt = async (load: Partial<Scenario>) => {
  const scenario = { ...loads.baseline, examBursts: [], ...load }
  return usd(totalOf(baselineLines(await readBaseline(), loads, scenario).map(priceLine)))
}

describe('the EKS baseline', () => {
  it.each([
    ['at its own load', loads.baseline, '$5,168.00'],
    ['at its peak', loads.peak, '$7,568.00'],
    ['half way between', { peakRequestsPerSecond: 90 }, '$6,368.00'],
    ['below its own load, because the pods stay', { peakRequestsPerSecond: 1 }, '$5,168.00'],
    ['with twice the viewing', { videoHoursWatched: 4_800 }, '$5,338.00'],
  ])('costs %s what its table says', async (_when, load, expected) => {
    expect(await totalAt(load)).toBe(expected)
  })

  it('is $3,500 to $4,500 when optimised, by steps that each save', async () => {
    const baseline = await readBaseline()
    const totals = optimisedBaseline(baseline, await readPrices('us-east-1')).map(
      (step) => step.total,
    )
    const { low, high } = baseline.optimised.stated
    expect([low, high]).toEqual([3_500, 4_500])
    for (const total of totals) {
      expect(total).toBeGreaterThanOrEqual(microUsd(low))
      expect(total).toBeLessThanOrEqual(microUsd(high))
    }
    expect(totals).toEqual(totals.toSorted((one, other) => Number(other - one)))
    expect(new Set(totals).size).toBe(totals.length)
  })

  it('stands beside list prices, line by line', async () => {
    const lines = compareWithList(await readBaseline(), await readPrices('us-east-1'))
    const line = (id: string) => lines.find((each) => each.id === id)
    // 0.10 x 730 hours.
    expect(line('eks')).toMatchObject({ list: 73_000_000n, difference: 0n })
    // 2 x 0.50 x 730 + 500 x 0.23 = 845.
    expect(line('database')).toMatchObject({ list: 845_000_000n, difference: -45_000_000n })
    // 3 x 0.21 x 730 + 300 x 0.10 = 489.90.
    expect(line('events')).toMatchObject({ list: 489_900_000n, difference: 60_100_000n })
    // 170 / 0.085 = 2,000.
    expect(line('delivery')).toMatchObject({
      difference: undefined,
      implied: 'as much as 2000 units of cloudfront.transfer',
    })
  })

  it('has no line for what it forgot, and says what that costs', async () => {
    const missing = missingFromBaseline(await readBaseline(), await readPrices('us-east-1'))
    // 3 x 0.045 x 730.
    expect(missing[0]).toEqual({ title: 'Three NAT gateways', list: 98_550_000n })
  })

  it('is refused when its lines do not add up', async () => {
    const path = await scratchFile('baseline.yaml')
    await writeFile(
      path,
      [
        'title: t',
        'totals: { baseline: 10, peak: 10 }',
        'lines: [{ id: a, title: A, component: cache, service: S, usd: 9 }]',
        'missing: []',
        'optimised: { stated: { low: 1, high: 2 }, steps: [] }',
      ].join('\n'),
    )
    await expect(readBaseline(path)).rejects.toThrow(
      'the lines of baseline are $9, the total says $10',
    )
  })
})
