import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { WARM_SECONDS } from '../limits.ts'
import { builtInTraffic } from '../traffic/profiles.ts'
import { coldStartsOf, fewestWarm, warmEnough } from './cold-starts.ts'
import { erlangB } from './erlang.ts'

const settings = {
  bucketSeconds: 1,
  meanSeconds: 0.1,
  initSeconds: 0.4,
  provisioned: 0,
  quantile: 0.999,
}

/**
 * Plays calls at random, each as long as the mean, on environments of which the last that became idle is taken first, as
 * Lambda is seen to do. Counts what is opened and what arrives by the second.
 */
const play = (
  rates: readonly number[],
  { meanSeconds, initSeconds }: { meanSeconds: number; initSeconds: number },
) => {
  let seed = 1
  const random = () => {
    seed = (seed * 1_664_525 + 1_013_904_223) % 2 ** 32
    return (seed + 0.5) / 2 ** 32
  }
  const opened = rates.map(() => 0)
  const arrived = rates.map(() => 0)
  // Ends in the order in which they come, of warm calls and of cold ones.
  const ends: [number[], number[]] = [[], []]
  const heads: [number, number] = [0, 0]
  const idle: number[] = []
  const end = (at: number) =>
    ([0, 1] as const).forEach((kind) => {
      for (; (ends[kind][heads[kind]] ?? Number.POSITIVE_INFINITY) <= at; heads[kind] += 1)
        idle.push(ends[kind][heads[kind]] ?? 0)
    })
  rates.forEach((rate, second) => {
    const pause = () => -Math.log(random()) / rate
    for (let at = second + pause(); at < second + 1; at += pause()) {
      end(at)
      arrived[second] = (arrived[second] ?? 0) + 1
      const isWarm = at - (idle.pop() ?? Number.NEGATIVE_INFINITY) < WARM_SECONDS
      if (!isWarm) opened[second] = (opened[second] ?? 0) + 1
      ends[isWarm ? 0 : 1].push(at + meanSeconds + (isWarm ? 0 : initSeconds))
    }
  })
  return { opened, arrived }
}

describe('cold starts', () => {
  it('are none in a steady stream', () => {
    expect(coldStartsOf(Array(600).fill(50), settings)).toEqual({
      ...{ share: 0, worstMinuteShare: 0, growthMax: 0 },
    })
  })

  it('come with a burst, as many as arrive while environments import', () => {
    const rates = [...Array(300).fill(1), ...Array(60).fill(200)]
    const { growthMax, worstMinuteShare } = coldStartsOf(rates, settings)
    // 20 + 3.09 x sqrt(20) run at once, less the two that are warm; and of the 80 that come during an import nine in ten
    // find both busy.
    expect(growthMax).toBeCloseTo(32 + 200 * 0.4 * erlangB(20, 2), 6)
    // Of the 12,000 calls of the minute that begins with the burst.
    expect(worstMinuteShare).toBeCloseTo(growthMax / 12_000, 6)
  })

  it('are as rare as pauses longer than an environment lives', () => {
    // One call in ten minutes on average: it finds a warm one with probability 1 - exp(-1/2).
    const { share } = coldStartsOf(Array(120).fill(1 / 600), { ...settings, bucketSeconds: 60 })
    expect(share).toBeCloseTo(Math.exp(-0.5), 2)
  })

  it('are all but the first, of counted calls that are further apart than an environment lives', () => {
    const rates = Array.from({ length: 4_000 }, (_, second) => (second % 400 === 0 ? 1 : 0))
    expect(coldStartsOf(rates, settings).share).toBeCloseTo(0.9)
    const often = rates.map((_, second) => (second % 200 === 0 ? 1 : 0))
    expect(coldStartsOf(often, settings).share).toBeCloseTo(0)
  })

  it('never grow in a first burst with what is kept warm', () => {
    const rate = fc.double({ min: 0, max: 500, noNaN: true })
    const kept = fc.integer({ min: 0, max: 100 })
    fc.assert(
      fc.property(rate, rate, kept, kept, (quiet, busy, provisioned, more) => {
        const series = [...Array(60).fill(quiet), ...Array(60).fill(busy)]
        const less = coldStartsOf(series, { ...settings, provisioned: provisioned + more })
        const { share, worstMinuteShare } = coldStartsOf(series, { ...settings, provisioned })
        expect(less.share).toBeLessThanOrEqual(share + 1e-12)
        expect(less.worstMinuteShare).toBeLessThanOrEqual(worstMinuteShare + 1e-12)
      }),
    )
  })

  it('are counted once, however long a burst rises', () => {
    const rates = [...Array(60).fill(10), ...Array.from({ length: 20 }, (_, at) => 50 * (at + 1))]
    const { growthMax, share } = coldStartsOf(rates, settings)
    const running = warmEnough(rates, settings)
    const calls = rates.reduce((sum, rate) => sum + rate, 0)
    // What is opened while others import is there a second later; without that, 20 seconds count it 20 times.
    expect(share * calls).toBeLessThan(running * 1.15)
    expect(growthMax).toBeLessThan(running)
  })

  it.each([
    [50_000, 0.13],
    [200_000, 0.13],
    [200_000, 0.4],
  ])(
    'are near those of an exam that is played call by call: %d learners, import %d s',
    (learners, initSeconds) => {
      // The bell, and three minutes before it.
      const exam = builtInTraffic('exam-burst', learners)?.rates.get('assessmentHttp') ?? []
      const rates = exam.slice(2_100, 2_340)
      const of = { ...settings, meanSeconds: 0.072, initSeconds }
      const { growthMax, worstMinuteShare } = coldStartsOf(rates, { ...of, provisioned: 0 })
      const { opened, arrived } = play(rates, of)
      const sumOf = (values: readonly number[]) => values.reduce((sum, one) => sum + one, 0)
      const growths = opened.slice(60).map((_, at) => sumOf(opened.slice(at + 60, at + 70)))
      const minutes = [60, 120, 180].map(
        (from) => sumOf(opened.slice(from, from + 60)) / sumOf(arrived.slice(from, from + 60)),
      )
      expect(growthMax / Math.max(...growths)).toBeGreaterThan(0.7)
      expect(growthMax / Math.max(...growths)).toBeLessThan(1.2)
      expect(worstMinuteShare / Math.max(...minutes)).toBeGreaterThan(0.7)
      expect(worstMinuteShare / Math.max(...minutes)).toBeLessThan(1.2)
    },
  )

  it('are a share, whatever comes, and as few as are wanted with the fewest warm ones', () => {
    const rates = fc.array(fc.double({ min: 0, max: 500, noNaN: true }), {
      minLength: 1,
      maxLength: 120,
    })
    const wanted = fc.double({ min: 0.000_1, max: 0.2, noNaN: true })
    fc.assert(
      fc.property(rates, wanted, (series, coldMax) => {
        const worst = (provisioned: number) =>
          coldStartsOf(series, { ...settings, provisioned }).worstMinuteShare
        const { share } = coldStartsOf(series, { ...settings, provisioned: 0 })
        expect(share).toBeGreaterThanOrEqual(0)
        expect(share).toBeLessThanOrEqual(1)
        const warm = fewestWarm(series, settings, coldMax)
        expect(worst(warm)).toBeLessThanOrEqual(coldMax)
        if (warm > 0) expect(worst(warm - 1)).toBeGreaterThan(coldMax)
        expect(worst(warmEnough(series, settings))).toBe(0)
      }),
    )
  })

  it('are reckoned at once for loads that no account can have', () => {
    const rates = [...Array(300).fill(1e9), ...Array(2_000).fill(2e9)]
    const { growthMax } = coldStartsOf(rates, settings)
    // What runs at once is twice as much, and while that many import half of the arrivals find none.
    expect(growthMax / (1e8 + 2e9 * 0.4 * 0.5)).toBeCloseTo(1, 3)
  }, 5_000)

  it('end where enough is kept warm', () => {
    const rates = [...Array(300).fill(1), ...Array(60).fill(200)]
    expect(coldStartsOf(rates, { ...settings, provisioned: 200 }).share).toBe(0)
  })
})
