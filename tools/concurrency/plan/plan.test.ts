import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import {
  figuresOf,
  sampleContext,
  sampleStack,
  sampleTargets,
  sampleTraffic,
  sampleWarmPrice,
} from '../fixtures/sample.ts'
import { UNRESERVED_MIN } from '../limits.ts'
import { erlangB } from '../model/erlang.ts'
import { readWarmPrice } from '../prices.ts'
import type { Stack } from '../stack.ts'
import { findingsOf } from './findings.ts'
import { type Plan, planFor } from './plan.ts'
import { ESSENTIAL } from './policy.ts'
import { connectionsOf, consumptionOf } from './shared.ts'

const figures = figuresOf(sampleStack)
const keys = sampleStack.functions.map(({ key }) => key)

const plan = (
  rates: Readonly<Record<string, readonly number[]>>,
  { stack = sampleStack, targets = sampleTargets } = {},
) => planFor({ ...sampleContext, stack, traffic: sampleTraffic(rates), figures, targets })

const of = (whole: Plan, key: string) => {
  const found = whole.functions.find((one) => one.of.key === key)
  if (!found) throw new Error(`the plan has no ${key}`)
  return found
}

/** The stack as it is once the proposal is written. */
const written = (whole: Plan): Stack => ({
  ...sampleStack,
  functions: whole.functions.map(({ of: one, proposed }) => ({
    ...one,
    reserved: proposed.reserved,
    provisioned: proposed.provisioned,
  })),
})

const burst = [...Array(300).fill(2), ...Array(20).fill(300), ...Array(40).fill(2)]

const anyTraffic = fc.record(
  Object.fromEntries(
    keys.map((key) => [
      key,
      fc.array(fc.double({ min: 0, max: 20_000, noNaN: true }), { minLength: 20, maxLength: 20 }),
    ]),
  ),
)

describe('a plan', () => {
  it('reserves for essential doors what Erlang’s formula asks for, and for no other door', () => {
    const whole = plan({ assessmentHttp: burst, userHttp: burst })
    const { needed, demand, proposed } = of(whole, 'assessmentHttp')
    expect(demand.load).toBeCloseTo(15)
    expect(proposed.reserved).toBe(needed)
    expect(erlangB(demand.load * 1.5, needed)).toBeLessThanOrEqual(0.001)
    expect(of(whole, 'userHttp').proposed.reserved).toBeUndefined()
    expect(whole.proposed.unreserved).toBe(1_000 - needed - 5 - 1)
  })

  it('keeps warm what a burst would find cold, and says what that costs', async () => {
    const { now, proposed } = of(plan({ assessmentHttp: burst }), 'assessmentHttp')
    expect(now.cold.worstMinuteShare).toBeGreaterThan(0.01)
    expect(proposed.cold.worstMinuteShare).toBeLessThanOrEqual(0.01)
    expect(proposed.provisioned).toBeGreaterThan(0)
    expect(proposed.usdPerMonth).toBe(sampleWarmPrice(proposed.provisioned ?? 0, 512))
    // A gigabyte that is kept warm for a month, as AWS's calculator rounds it.
    expect((await readWarmPrice())(1, 1_024).toFixed(2)).toBe('8.76')
  })

  it('keeps nothing warm for a steady stream', () => {
    expect(
      of(plan({ assessmentHttp: Array(600).fill(50) }), 'assessmentHttp').proposed,
    ).toMatchObject({ provisioned: undefined, usdPerMonth: 0 })
  })

  it('leaves reservations that somebody made for a reason, and lets them grow with the work', () => {
    const quiet = plan({ assessmentHttp: burst })
    expect(of(quiet, 'outboxPublisher').proposed.reserved).toBe(5)
    expect(of(quiet, 'rbacJobs').proposed.reserved).toBe(1)
    const rates = Array(60).fill(200)
    const stack = {
      ...sampleStack,
      functions: sampleStack.functions.map((one) =>
        one.kind === 'consumer' ? { ...one, reserved: 2 } : one,
      ),
    }
    const busy = plan({ outboxPublisher: rates, rbacJobs: rates, progressBus: rates }, { stack })
    // 200/s x 50 ms x 1.5 at 80 % use; hints may be dropped and a job runs alone, records must be taken.
    expect(of(busy, 'progressBus').proposed.reserved).toBe(19)
    expect(of(busy, 'outboxPublisher').proposed.reserved).toBe(5)
    expect(of(busy, 'rbacJobs').proposed.reserved).toBe(1)
  })

  it('gives a tenth of the calls per second at least', () => {
    const quick = { ...figures, assessmentHttp: { ...figures.assessmentHttp } }
    const short = { mean: 1, p50: 1, p95: 1, p99: 1 }
    const whole = planFor({
      ...sampleContext,
      traffic: sampleTraffic({ assessmentHttp: Array(100).fill(1_000) }),
      figures: Object.fromEntries(
        Object.entries(quick).map(([key, one]) => [
          key,
          { ...figures.userHttp, ...one, durationMs: short },
        ]),
      ) as typeof figures,
    })
    expect(of(whole, 'assessmentHttp').needed).toBe(150)
  })

  it('never reserves more than the account may give, nor less than it provisions', () => {
    fc.assert(
      fc.property(anyTraffic, fc.integer({ min: 101, max: 2_000 }), (rates, account) => {
        const whole = plan(rates, { targets: { ...sampleTargets, account } })
        expect(whole.proposed.reserved).toBeLessThanOrEqual(account - UNRESERVED_MIN)
        for (const { proposed } of whole.functions)
          if (proposed.reserved !== undefined)
            expect(proposed.provisioned ?? 0).toBeLessThanOrEqual(proposed.reserved)
      }),
      { numRuns: 60 },
    )
  })

  it('never needs less for more demand', () => {
    fc.assert(
      fc.property(anyTraffic, fc.double({ min: 1, max: 5, noNaN: true }), (rates, factor) => {
        const more = Object.fromEntries(
          Object.entries(rates).map(([key, series]) => [key, series.map((rate) => rate * factor)]),
        )
        const [small, large] = [plan(rates), plan(more)]
        for (const { of: one, needed } of small.functions)
          expect(of(large, one.key).needed).toBeGreaterThanOrEqual(needed)
      }),
      { numRuns: 60 },
    )
  })

  it('proposes the same once it is written', () => {
    fc.assert(
      fc.property(anyTraffic, (rates) => {
        const first = plan(rates)
        const second = plan(rates, { stack: written(first) })
        expect(second.functions.map(({ proposed }) => proposed.reserved)).toEqual(
          first.functions.map(({ proposed }) => proposed.reserved),
        )
        expect(second.functions.map(({ proposed }) => proposed.provisioned)).toEqual(
          first.functions.map(({ proposed }) => proposed.provisioned),
        )
      }),
      { numRuns: 60 },
    )
  })

  it('lets the first essential doors have what there is', () => {
    const whole = plan(
      { authHttp: Array(60).fill(4_000), assessmentHttp: Array(60).fill(14_000) },
      { targets: { ...sampleTargets, account: 1_000 } },
    )
    expect(of(whole, 'authHttp').proposed.reserved).toBeGreaterThan(0)
    expect(of(whole, 'assessmentHttp').proposed.reserved).toBeUndefined()
    expect(ESSENTIAL.indexOf('authHttp')).toBeLessThan(ESSENTIAL.indexOf('assessmentHttp'))
  })
})

const findings = (
  whole: Plan,
  {
    instanceClass = 'db.r5.xlarge',
    events = new Map<string, readonly number[]>(),
  }: { instanceClass?: string; events?: ReadonlyMap<string, readonly number[]> } = {},
) =>
  findingsOf(whole, {
    connections: connectionsOf(whole.functions, { instanceClass, targets: sampleTargets }),
    consumption: consumptionOf(sampleStack, {
      ...{ functions: whole.functions, events, bucketSeconds: 1, quantile: 0.999 },
    }),
    targets: sampleTargets,
  }).map(({ what }) => what)

describe('what must change first', () => {
  it('is the account, where essential doors do not fit into it', () => {
    const whole = plan({ authHttp: Array(60).fill(40_000) })
    expect(findings(whole)[0]).toMatch(/^Raise the account's concurrency from 1000 to \d{4}/)
  })

  it('is the account too, where what is shared throttles', () => {
    const whole = plan({ userHttp: Array(60).fill(25_000) })
    expect(findings(whole)[0]).toMatch(/^Raise the account's concurrency from 1000 .*what is not/)
  })

  it('is the database, where its connections are not enough', () => {
    const whole = plan({ userHttp: Array(60).fill(9_000) })
    expect(findings(whole, { instanceClass: 'db.t4g.medium' })[0]).toMatch(
      /^Take a larger database than db.t4g.medium/,
    )
    expect(findings(whole).some((what) => what.includes('database'))).toBe(false)
  })

  it('is a topic, where its consumers count on batches that are too large', () => {
    const on = (perSecond: number) =>
      findings(plan({}), { events: new Map([['hub.assessment.v1', Array(60).fill(perSecond)]]) })
    // 3,000/s x 50 ms are 150 erlangs: 13 records a batch on 12 partitions.
    expect(on(3_000)[0]).toMatch(/^Give hub.assessment.v1 more than 12 .* carries 13 records/)
    expect(on(2_000)).toEqual([])
  })

  it('is nothing for a plan that is already written', () => {
    const rates = { assessmentHttp: burst, authHttp: burst }
    const again = plan(rates, { stack: written(plan(rates)) })
    expect(findings(again)).toEqual([])
  })
})

describe('connections', () => {
  it('are nine tenths of what RDS gives an instance of that memory', () => {
    const { limit } = connectionsOf([], { instanceClass: 'db.r5.xlarge', targets: sampleTargets })
    expect(limit).toBe(Math.floor(Math.floor((32 * 1_024 ** 3) / 9_531_392) * 0.9))
  })
})
