import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from '@jest/globals'
import { microUsd } from './bill/money.ts'
import { budgetFor, budgetOf } from './budget.ts'
import { STAGES, TERRAFORM } from './design/sizes.ts'
import { openWorkspace } from './workspace.ts'

const noMeasurement = fileURLToPath(new URL('./fixtures/none.json', import.meta.url))

describe('a budget', () => {
  it.each([
    ['1000', { monthly_usd: 1_100, anomaly_usd: 20 }],
    ['1000.01', { monthly_usd: 1_200, anomaly_usd: 20 }],
    ['5629.22', { monthly_usd: 6_200, anomaly_usd: 110 }],
  ])('for a bill of %s dollars has a tenth more, rounded up', (bill, budget) => {
    expect(budgetFor(microUsd(bill))).toEqual(budget)
  })

  it.each(STAGES)(
    'of %s stands in Terraform as `npm run cost -- --budget` says it',
    async (stage) => {
      const path = join(TERRAFORM, 'environments', stage, 'sizes.auto.tfvars.json')
      const { sizes } = JSON.parse(await readFile(path, 'utf8'))
      expect(sizes.budget).toEqual(await budgetOf(await openWorkspace({ stage })))
    },
    120_000,
  )

  it('follows sizes, so that a larger platform cannot keep a small budget', async () => {
    const workspace = await openWorkspace({ measurementPath: noMeasurement })
    const sizes = structuredClone(workspace.platform.sizes)
    Object.assign(sizes.cache, { shards: sizes.cache.shards * 2 })
    const larger = { ...workspace, platform: { ...workspace.platform, sizes } }
    expect((await budgetOf(larger)).monthly_usd).toBeGreaterThan(
      (await budgetOf(workspace)).monthly_usd,
    )
  }, 120_000)
})
