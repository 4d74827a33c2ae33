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
import { erlangB, placesFor } from '../model/erlang.ts'
import { readWarmPrice } from '../prices.ts'
import type { Stack } from '../stack.ts'
import { findingsOf } from './findings.ts'
import { type Plan, planFor } from './plan.ts'
import { ESSENTIAL, type Targets } from './policy.ts'
import { connectionsOf, consumptionOf } from './shared.ts'
import { refuseWorse } from './worse.ts'

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

/** The sample stack with other figures. */
const stackWith = (
  changes: Readonly<Record<string, { reserved?: number; provisioned?: number }>>,
): Stack => ({
  ...sampleStack,
  functions: sampleStack.functions.map((one) => ({ ...one, ...changes[one.key] })),
})

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

/** From what an account hardly feels to many times what it can take. */
const anyTraffic = fc
  .tuple(
    fc.constantFrom(0.02, 0.1, 0.3, 1),
    fc.record(
      Object.fromEntries(
        keys.map((key) => [
          key,
          fc.array(fc.double({ min: 0, max: 20_000, noNaN: true }), {
            ...{ minLength: 20, maxLength: 20 },
          }),
        ]),
      ),
    ),
  )
  .map(([factor, rates]) =>
    Object.fromEntries(
      Object.entries(rates).map(([key, series]) => [key, series.map((rate) => rate * factor)]),
    ),
  )

describe('a plan', () => {
  it('reserves nothing where what is shared is enough: a reservation is a cap on the next profile', () => {
    const whole = plan({ assessmentHttp: burst, userHttp: burst })
    expect(of(whole, 'assessmentHttp').now.throttled).toBe(0)
    for (const { now, proposed } of whole.functions) expect(proposed.reserved).toBe(now.reserved)
  })

  it('reserves for essential doors what Erlang’s formula asks for, and for no other door, where it is not', () => {
    // 7,000 calls a second and a half more are beyond what 994 places take, ten a second each.
    const whole = plan({ assessmentHttp: burst, userHttp: Array(360).fill(7_000) })
    const { needed, demand, proposed } = of(whole, 'assessmentHttp')
    expect(demand.load).toBeCloseTo(15)
    expect(proposed.reserved).toBe(needed)
    expect(erlangB(demand.load * 1.5, needed)).toBeLessThanOrEqual(0.001)
    expect(of(whole, 'userHttp').proposed.reserved).toBeUndefined()
    expect(whole.proposed.unreserved).toBe(1_000 - needed - 5 - 1)
  })

  it('does not starve what is not reserved', () => {
    // 912 of 994 places are busy: next to nobody is throttled, and there is nothing to give away.
    const doors = ['authHttp', 'assessmentHttp', 'progressHttp', 'userHttp']
    const whole = planFor({
      ...sampleContext,
      figures: figuresOf(sampleStack, { durationMs: { mean: 95, p50: 95, p95: 95, p99: 95 } }),
      traffic: sampleTraffic(Object.fromEntries(doors.map((key) => [key, Array(60).fill(2_400)]))),
    })
    expect(whole.now.throttled).toBeLessThan(0.001)
    for (const { of: one, now, proposed } of whole.functions) {
      expect(proposed.throttled).toBeLessThanOrEqual(Math.max(now.throttled, 0.001))
      if (ESSENTIAL.includes(one.key)) expect(proposed.reserved).toBeUndefined()
    }
  })

  it('never makes a function’s calls be throttled more than now and than wanted', () => {
    const figure = fc.option(fc.nat({ max: 150 }), { nil: undefined })
    const account = fc.integer({ min: 800, max: 3_000 })
    const settings = fc.record({ authHttp: figure, assessmentHttp: figure, progressBus: figure })
    fc.assert(
      fc.property(anyTraffic, account, settings, fc.boolean(), (rates, places, all, mayLower) => {
        const stack = stackWith(
          Object.fromEntries(
            Object.entries(all).map(([key, reserved]) => [
              key,
              reserved === undefined ? {} : { reserved },
            ]),
          ),
        )
        const targets = { ...sampleTargets, account: places, mayLower }
        const whole = plan(rates, { stack, targets })
        for (const { now, proposed } of whole.functions) {
          expect(proposed.throttled).toBeLessThanOrEqual(Math.max(now.throttled, 0.001) + 1e-9)
          if (!mayLower) expect(proposed.reserved ?? 0).toBeGreaterThanOrEqual(now.reserved ?? 0)
        }
        expect(() => refuseWorse(whole, targets)).not.toThrow()
      }),
      { numRuns: 60 },
    )
  })

  it('keeps what stands there for another profile, unless it may lower it', () => {
    const stack = stackWith({ assessmentHttp: { reserved: 200, provisioned: 40 } })
    const quiet = { assessmentHttp: Array(600).fill(2), userHttp: Array(600).fill(2) }
    expect(of(plan(quiet, { stack }), 'assessmentHttp').proposed).toMatchObject({
      ...{ reserved: 200, provisioned: 40 },
    })
    const targets = { ...sampleTargets, mayLower: true }
    const lowered = plan(quiet, { stack, targets })
    expect(of(lowered, 'assessmentHttp').proposed).toMatchObject({
      ...{ reserved: undefined, provisioned: undefined },
    })
    // Others have theirs for a reason.
    expect(of(lowered, 'outboxPublisher').proposed.reserved).toBe(5)
    // Without the reservation the others would not have enough: it stays, at what is needed.
    const full = { assessmentHttp: Array(60).fill(2), userHttp: Array(60).fill(6_650) }
    expect(of(plan(full, { stack, targets }), 'assessmentHttp').proposed.reserved).toBe(3)
  })

  it('reserves in part where there is not room for all, and never below what is there', () => {
    // The others need 700 of 1,000.
    const rates = { assessmentHttp: Array(60).fill(4_000), userHttp: Array(60).fill(7_000) }
    const stack = stackWith({ assessmentHttp: { reserved: 230 } })
    const { now, proposed, needed } = of(plan(rates, { stack }), 'assessmentHttp')
    expect(needed).toBe(600)
    expect(proposed.reserved).toBe(1_000 - 700 - 5 - 1)
    expect(proposed.throttled).toBeLessThan(now.throttled)
    const more = { ...rates, userHttp: Array(60).fill(9_000) }
    expect(of(plan(more, { stack }), 'assessmentHttp').proposed.reserved).toBe(230)
  })

  it('counts what is warm without a reservation as taken', () => {
    const stack = stackWith({ userHttp: { provisioned: 400 } })
    const whole = plan({ userHttp: Array(60).fill(2_000) }, { stack })
    expect(whole.now).toMatchObject({ reserved: 406, unreserved: 594 })
    // 100 erlangs find 400 warm environments, and what is shared has nothing to do with it.
    expect(of(whole, 'userHttp').now.throttled).toBe(0)
    expect(whole.now.load).toBeCloseTo(0)
  })

  it('takes ten calls a second and place, in the share that is throttled too', () => {
    const stack = stackWith({ userHttp: { reserved: 1 } })
    const short = figuresOf(sampleStack, { durationMs: { mean: 1, p50: 1, p95: 1, p99: 1 } })
    const traffic = sampleTraffic({
      userHttp: Array(60).fill(40),
      progressHttp: Array(60).fill(19_880),
    })
    const whole = planFor({ ...sampleContext, stack, traffic, figures: short })
    expect(of(whole, 'userHttp').now.throttled).toBeCloseTo(0.75)
    // 993 places are shared.
    expect(of(whole, 'progressHttp').now.throttled).toBeCloseTo(1 - 9_930 / 19_880, 3)
  })

  it('plans a consumer for no more than its partitions', () => {
    const stack = stackWith({ progressBus: { reserved: 2 } })
    const whole = plan({ progressBus: Array(60).fill(2_000) }, { stack })
    // 100 erlangs of single records; twelve batches are under way, and the rest waits on the topic.
    expect(of(whole, 'progressBus')).toMatchObject({
      ...{ needed: 12, demand: { load: 12, burst: 12 }, proposed: { reserved: 12 } },
    })
    expect(plan({ progressBus: Array(60).fill(2_000) }).now.load).toBeCloseTo(12)
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
    const rates = Array(60).fill(100)
    const stack = stackWith({ progressBus: { reserved: 2 } })
    const busy = plan({ outboxPublisher: rates, rbacJobs: rates, progressBus: rates }, { stack })
    // 100/s x 50 ms x 1.5 at 80 % use; hints may be dropped and a job runs alone, records must be taken.
    expect(of(busy, 'progressBus').proposed.reserved).toBe(10)
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
      // Less than what the stack reserves already, and a hundred, is refused before anything is planned.
      fc.property(anyTraffic, fc.integer({ min: 106, max: 2_000 }), (rates, account) => {
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
      { authHttp: Array(60).fill(2_000), assessmentHttp: Array(60).fill(7_000) },
      { targets: { ...sampleTargets, account: 1_000 } },
    )
    // The other one's 700 stay, which is enough for it as it is now.
    expect(of(whole, 'authHttp').proposed.reserved).toBe(1_000 - 700 - 5 - 1)
    expect(of(whole, 'assessmentHttp').proposed.reserved).toBeUndefined()
    expect(ESSENTIAL.indexOf('authHttp')).toBeLessThan(ESSENTIAL.indexOf('assessmentHttp'))
  })
})

const findings = (
  whole: Plan,
  {
    instanceClass = 'db.r5.xlarge',
    events = new Map<string, readonly number[]>(),
    targets = sampleTargets,
  }: {
    instanceClass?: string
    events?: ReadonlyMap<string, readonly number[]>
    targets?: Targets
  } = {},
) =>
  findingsOf(whole, {
    connections: connectionsOf(whole.functions, { instanceClass, targets }),
    consumption: consumptionOf(sampleStack, {
      ...{ functions: whole.functions, events, bucketSeconds: 1, quantile: 0.999 },
    }),
    targets,
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

  it('is the account with a number that is enough, whether the plan is written before or not', () => {
    const wantedOf = (what: string | undefined) =>
      Number(/^Raise the account's concurrency from \d+ to (\d+)/.exec(what ?? '')?.[1])
    fc.assert(
      fc.property(anyTraffic, (rates) => {
        const whole = plan(rates)
        const [first] = findings(whole)
        if (!first?.startsWith('Raise')) return
        const targets = { ...sampleTargets, account: wantedOf(first) }
        for (const stack of [sampleStack, written(whole)]) {
          const again = plan(rates, { stack, targets })
          expect(findings(again, { targets }).filter((what) => what.startsWith('Raise'))).toEqual(
            [],
          )
          for (const { of: one, proposed } of again.functions)
            if (one.kind === 'door') expect(proposed.throttled).toBeLessThanOrEqual(0.001)
        }
      }),
      { numRuns: 60 },
    )
    // What is shared needs more than Lambda's hundred: 1,250 erlangs, half as many again, and six are reserved.
    const whole = plan({ userHttp: Array(60).fill(25_000) })
    expect(wantedOf(findings(whole)[0])).toBe(6 + Math.max(placesFor(1_875, 0.001), 3_750))
  })

  it('is the database, where its connections are not enough', () => {
    const whole = plan({ userHttp: Array(60).fill(6_000) })
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

describe('a plan that would be worse', () => {
  it('is not written', () => {
    const { functions } = plan({ userHttp: burst, progressBus: burst })
    const throttled = (key: string, share: number) => ({
      functions: functions.map((one) =>
        one.of.key === key ? { ...one, proposed: { ...one.proposed, throttled: share } } : one,
      ),
    })
    expect(() => refuseWorse(throttled('userHttp', 0.002), sampleTargets)).toThrow(
      /^Nothing was written: as proposed userHttp would be throttled more than now\.$/,
    )
    expect(() => refuseWorse(throttled('userHttp', 0.001), sampleTargets)).not.toThrow()
    expect(() => refuseWorse(throttled('progressBus', 0.5), sampleTargets)).not.toThrow()
  })
})

describe('connections', () => {
  it('are nine tenths of what RDS gives an instance of that memory', () => {
    const { limit } = connectionsOf([], { instanceClass: 'db.r5.xlarge', targets: sampleTargets })
    expect(limit).toBe(Math.floor(Math.floor((32 * 1_024 ** 3) / 9_531_392) * 0.9))
  })
})
