import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from '@jest/globals'
import { Big } from 'big.js'
import fc from 'fast-check'
import { explain } from '../bill/explain.ts'
import { evaluate } from '../bill/formula.ts'
import type { PricedLine } from '../bill/line.ts'
import { microUsd } from '../bill/money.ts'
import { readMeasurements } from '../inputs/measurements.ts'
import { readScenario } from '../inputs/scenario.ts'
import { SWITCHES, switchOn } from '../switches.ts'
import { scratchFile } from '../testing.ts'
import { inputsOf, openWorkspace, type Workspace } from '../workspace.ts'
import type { Inputs } from './inputs.ts'
import { serverlessBill } from './serverless.ts'

const fixture = fileURLToPath(new URL('../fixtures/functions.json', import.meta.url))
const nothing = fileURLToPath(new URL('../fixtures/none.json', import.meta.url))

let workspace: Workspace
let inputs: Inputs
const billOf = (changed: Inputs) => serverlessBill(changed)
const lineOf = (id: string, changed = inputs): PricedLine => {
  const line = billOf(changed).lines.find((each) => each.id === id)
  if (!line) throw new Error(`there is no line ${id}`)
  return line
}
const load = (changes: Partial<Inputs['scenario']>, from = inputs): Inputs => ({
  ...from,
  scenario: { ...from.scenario, ...changes },
})

// The real template and the real sizes: a bill of anything else would prove little.
beforeAll(async () => {
  workspace = await openWorkspace({ measurementPath: nothing })
  inputs = await inputsOf(workspace, await readScenario('baseline'))
}, 120_000)

describe('the bill of what is there', () => {
  it('prices engines by what Terraform holds', () => {
    const { sizes } = inputs.platform
    const redis = sizes.cache.shards * (1 + sizes.cache.replicas)
    // By hand: nodes x 0.2155 x 730, and gateways x 0.045 x 730.
    expect(lineOf('cache.nodes').amount).toBe(microUsd(new Big('0.2155').times(730 * redis)))
    const nat = new Big('0.045').times(730 * sizes.network.nat_gateways)
    expect(lineOf('nat.hours').amount).toBe(microUsd(nat))
    const kafka = new Big('0.21').times(730).plus(sizes.events.storage_gb * 0.1)
    expect(lineOf('msk.brokers').amount).toBe(microUsd(kafka.times(sizes.events.brokers)))
  })

  it('follows a change of Terraform’s sizes', () => {
    const smaller = structuredClone(inputs.platform.sizes)
    Object.assign(smaller.database, {
      is_multi_az: false,
      replicas: [],
      has_regional_backups: false,
    })
    const changed = { ...inputs, platform: { ...inputs.platform, sizes: smaller } }
    // One instance of 0.50 x 730 instead of two.
    expect(lineOf('rds.primary', changed).amount).toBe(365_000_000n)
    expect(lineOf('rds.replicas', changed).amount).toBe(0n)
    expect(billOf(changed).lines.map(({ id }) => id)).not.toContain('backups.region')
  })

  it('has a line for every function, in its group', () => {
    const lines = billOf(inputs).lines.filter(({ service }) => service === 'AWSLambda')
    expect(lines.map(({ id }) => id)).toEqual(
      inputs.deployed.functions.map(({ name }) => `lambda.${name}`),
    )
    expect(lineOf('lambda.videoProcessingProbe').group).toBe('video')
    expect(lineOf('lambda.courseHttp').group).toBe('services')
    expect(lines.filter(({ group }) => group === 'untagged')).toEqual([])
  })

  it('tags every function with the group whose role it has', async () => {
    const template = JSON.parse(await readFile(inputs.deployed.path, 'utf8'))
    const functions = Object.values(template.Resources).filter(
      (each) => (each as { Type: string }).Type === 'AWS::Lambda::Function',
    ) as { Properties: { FunctionName: string; Role: unknown; Tags: unknown } }[]
    expect(functions.length).toBe(inputs.deployed.functions.length)
    for (const { Properties } of functions) {
      const role = /\{(\w+?)RoleArn\}/.exec(JSON.stringify(Properties.Role))?.[1] ?? ''
      const group = role === 'Function' ? 'services' : role.toLowerCase()
      expect([Properties.FunctionName, Properties.Tags]).toEqual([
        Properties.FunctionName,
        expect.arrayContaining([{ Key: 'group', Value: group }]),
      ])
    }
  })

  it('knows the share of requests of every function that answers, and no other', () => {
    const http = inputs.deployed.functions.filter(({ kind }) => kind === 'http')
    expect(inputs.assumptions.requestShareNames.toSorted()).toEqual(http.map(({ name }) => name))
  })

  it('explains every line with the numbers that it is made of', () => {
    for (const line of billOf(inputs).lines) {
      const [formula, numbers, result] = explain(line.cost)
      expect([formula, numbers, result].every(Boolean)).toBe(true)
      expect(microUsd(evaluate(line.cost))).toBe(line.amount)
      expect(result).toMatch(/ USD$/)
    }
  })

  it('has no line twice', () => {
    const ids = billOf(inputs).lines.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
  })
})

describe('a function’s line', () => {
  it('rests on assumptions until it is measured, and says so', () => {
    expect(lineOf('lambda.courseHttp').assumptions).toContain('mean duration')
  })

  it('is computed from what was measured', async () => {
    const measurements = await readMeasurements(fixture)
    const measured = lineOf('lambda.courseHttp', { ...inputs, measurements })
    // 14 % of 6,000,000 requests; 10 ms x 1769/512 of a CPU at 0.5 GB; one call in a hundred starts for 200 ms.
    const calls = new Big(840_000)
    const seconds = new Big('0.010').times('3.4551').plus(new Big('0.01').times('0.2'))
    const expected = calls
      .times('0.0000002')
      .plus(calls.times(seconds).times('0.5').times('0.0000133334'))
    expect(measured.amount).toBe(microUsd(expected))
    expect(measured.assumptions).not.toContain('mean duration')
    expect(explain(measured.cost).join('\n')).toContain(
      'docs/measurements/functions.json, 2026-11-25',
    )
    // Its neighbour has not been measured.
    expect(lineOf('lambda.userHttp', { ...inputs, measurements }).assumptions).toContain(
      'mean duration',
    )
  })

  it('whose start nobody saw rests on the assumption for that alone', async () => {
    const measurements = structuredClone(await readMeasurements(fixture))
    Object.assign(measurements?.functions.courseHttp ?? {}, { initMs: null })
    const { assumptions } = lineOf('lambda.courseHttp', { ...inputs, measurements })
    expect(assumptions).toContain('start of an environment')
    expect(assumptions).not.toContain('mean duration')
  })

  it('brings its events to the functions that consume them', async () => {
    const measurements = await readMeasurements(fixture)
    const none = structuredClone(measurements)
    Object.assign(none?.functions.courseHttp ?? {}, { eventsPerInvocation: 0 })
    const [with_, without] = [measurements, none].map((each) =>
      lineOf('lambda.contentBus', { ...inputs, measurements: each }),
    )
    expect(with_?.amount).toBeGreaterThan(without?.amount ?? 0n)
  })

  it('pays for environments that are kept warm, and for their calls at the lower price', () => {
    const functions = inputs.deployed.functions.map((one) =>
      one.name === 'authHttp' ? { ...one, provisioned: 3 } : one,
    )
    const warm = lineOf('lambda.authHttp', {
      ...inputs,
      deployed: { ...inputs.deployed, functions },
    })
    const gb = new Big(1_769).div(1_024)
    const calls = new Big(600_000)
    const expected = calls
      .times('0.0000002')
      .plus(calls.times('0.05').times(gb).times('0.0000077778'))
      .plus(new Big(3 * 2_628_000).times(gb).times('0.0000033333'))
    expect(warm.amount).toBe(microUsd(expected))
  })

  it('pays for temporary files beyond what is free', () => {
    expect(explain(lineOf('lambda.videoProcessingProbe').cost)[0]).toContain('temporary files')
    expect(explain(lineOf('lambda.courseHttp').cost)[0]).not.toContain('temporary files')
  })
})

describe('the measurement file', () => {
  it('may hold nothing yet', async () => {
    expect(await readMeasurements(nothing)).toBeUndefined()
  })

  it('is refused with the line of its first mistake', async () => {
    const path = await scratchFile('functions.json')
    await writeFile(path, (await readFile(fixture, 'utf8')).replace('"mean": 10', '"mean": -10'))
    await expect(readMeasurements(path)).rejects.toThrow(
      `${path}:8: functions.courseHttp.durationMs.mean`,
    )
  })
})

describe('the load', () => {
  it('never makes the bill smaller by growing', () => {
    const amounts = [
      'requests',
      'videoHoursWatched',
      'videoHoursUploaded',
      'certificates',
      'mails',
    ] as const
    fc.assert(
      fc.property(
        fc.constantFrom(...amounts),
        fc.double({ min: 1, max: 50, noNaN: true }),
        (name, factor) => {
          const more = load({ [name]: inputs.scenario[name] * factor })
          expect(billOf(more).total).toBeGreaterThanOrEqual(billOf(inputs).total)
        },
      ),
      { numRuns: 40 },
    )
  })

  it('reaches the functions through requests, bursts, schedules and workflows', () => {
    const idle = load({
      requests: 0,
      certificates: 0,
      videoHoursUploaded: 0,
      mails: 0,
      examBursts: [],
    })
    expect(lineOf('lambda.courseHttp', idle).amount).toBe(0n)
    // Schedules go on.
    expect(lineOf('lambda.outboxPublisher', idle).amount).toBeGreaterThan(0n)
    const burst = { name: 'exam', learners: 1_000, callsPerLearner: 10, minutes: 1, timesAMonth: 1 }
    expect(
      lineOf('lambda.assessmentHttp', load({ examBursts: [burst] }, idle)).amount,
    ).toBeGreaterThan(0n)
    expect(
      lineOf('lambda.certificateIssuanceRender', load({ certificates: 5 }, idle)).amount,
    ).toBeGreaterThan(0n)
    expect(
      lineOf('lambda.videoProcessingProbe', load({ videoHoursUploaded: 5 }, idle)).amount,
    ).toBeGreaterThan(0n)
  })

  it('takes more nodes for the gateway when the busiest second asks for them', () => {
    const { nodes_min: least } = inputs.platform.sizes.cluster.node_groups.general ?? {
      nodes_min: 0,
    }
    const perNode = lineOf('eks.nodes.general').amount / BigInt(least)
    // 6,000 requests a second x 1 ms / (2 CPUs x 0.6) = 5 nodes.
    expect(lineOf('eks.nodes.general', load({ peakRequestsPerSecond: 6_000 })).amount).toBe(
      5n * perNode,
    )
  })
})

describe('the switches', () => {
  it.each(SWITCHES.map(({ name }) => name))('%s makes the bill smaller', (name) => {
    expect(billOf(switchOn(inputs, [name])).total).toBeLessThan(billOf(inputs).total)
  })

  it('bring it below $3,500 with the same engines, and with a NAT gateway a zone', () => {
    const names = SWITCHES.map(({ name }) => name).filter((name) => name !== 'one-nat')
    const { total, lines } = billOf(switchOn(inputs, names))
    expect(total).toBeLessThan(microUsd(3_500))
    expect(lines.map(({ id }) => id)).toEqual(
      billOf(inputs)
        .lines.map(({ id }) => id)
        .filter((id) => id !== 'metrics.kafka'),
    )
  })

  it('are refused by a name that there is not', () => {
    expect(() => switchOn(inputs, ['magic'])).toThrow(
      /^There is no switch magic; there are reservations, .+\.$/,
    )
  })

  it('save nothing twice', () => {
    const once = billOf(switchOn(inputs, ['rightsizing'])).total
    expect(billOf(switchOn(inputs, ['rightsizing', 'rightsizing'])).total).toBe(once)
  })
})
