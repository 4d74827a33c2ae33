import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from '@jest/globals'
import type { Inputs } from '../design/inputs.ts'
import { serverlessBill } from '../design/serverless.ts'
import { readScenario } from '../inputs/scenario.ts'
import { inputsOf, openWorkspace } from '../workspace.ts'
import { breakEven } from './break-even.ts'
import { sensitivities } from './sensitivity.ts'

const measurementPath = fileURLToPath(new URL('../fixtures/none.json', import.meta.url))
let inputs: Inputs

beforeAll(async () => {
  inputs = await inputsOf(await openWorkspace({ measurementPath }), await readScenario('baseline'))
}, 120_000)

describe('functions against nodes', () => {
  it('change places once, where it is said', () => {
    const { points, at } = breakEven(inputs, 200_000_000)
    const isNodesCheaper = points.map(({ functions, nodes }) => functions > nodes)
    expect(isNodesCheaper.indexOf(true)).toBeGreaterThan(0)
    const below = points.filter(({ requests }) => requests < (at ?? 0))
    expect(below.every(({ functions, nodes }) => functions <= nodes)).toBe(true)
    const step = points[1]?.requests ?? 0
    expect(points.find(({ functions, nodes }) => functions > nodes)?.requests).toBeLessThan(
      (at ?? 0) + step,
    )
  })

  it('stand for as many pods as services are deployed', () => {
    const functions = inputs.deployed.functions.filter(
      ({ name }) => !name.endsWith('Http') || name < 'd',
    )
    const fewer = { ...inputs, deployed: { ...inputs.deployed, functions } }
    const [all, some] = [inputs, fewer].map((each) => breakEven(each, 1_000_000))
    expect(some?.services).toBeLessThan(all?.services ?? 0)
    expect(some?.points[0]?.nodes).toBeLessThan(all?.points[0]?.nodes ?? 0n)
  })

  it('change places later the more of a processor a call takes', () => {
    const { at = 0, atHalfCpu, atTwiceCpu, here } = breakEven(inputs, 200_000_000)
    expect(atHalfCpu).toBeLessThanOrEqual(at)
    expect(atTwiceCpu ?? Number.POSITIVE_INFINITY).toBeGreaterThan(at)
    expect(here.requests).toBe(inputs.scenario.requests)
  })

  it('are not said to change places where they do not', () => {
    expect(breakEven(inputs, 1_000_000).at).toBeUndefined()
  })
})

describe('what the bill hangs on', () => {
  it('is the change of the very bill, the largest first', () => {
    const found = sensitivities(inputs)
    const scenario = { ...inputs.scenario, backupGb: inputs.scenario.backupGb * 2 }
    const change = serverlessBill({ ...inputs, scenario }).total - serverlessBill(inputs).total
    expect(found.find(({ name }) => name === 'backupGb')?.twice).toBe(change)
    const spans = found.map(({ half, twice }) => (twice > half ? twice - half : half - twice))
    expect(spans).toEqual(spans.toSorted((one, other) => Number(other - one)))
  })

  it('names nothing that changes nothing', () => {
    expect(sensitivities(inputs).every(({ half, twice }) => half !== 0n || twice !== 0n)).toBe(true)
  })
})
