import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { readPlatform, STAGES, TERRAFORM } from './sizes.ts'

describe('what Terraform makes', () => {
  it.each(STAGES)('is read from the files of %s, not repeated', async (stage) => {
    const path = join(TERRAFORM, 'environments', stage, 'sizes.auto.tfvars.json')
    const { sizes } = JSON.parse(await readFile(path, 'utf8'))
    const platform = await readPlatform(stage)
    expect(platform.sizes).toEqual(sizes)
    expect(platform.publicAddresses).toBe(3 + sizes.network.nat_gateways)
  })

  it('holds what the modules make whatever the sizes', async () => {
    // Counted by hand in the modules: if one of these fails, a module has changed and the bill with it.
    expect(await readPlatform('prod')).toMatchObject({
      ...{ balancers: 2, firewalls: 2, firewallRules: 12, keys: 9, hasTopicMetrics: true },
    })
  })

  it('has a secret for each service that stores, and for the few besides', async () => {
    const { secrets, topics } = await readPlatform('prod')
    // Eight of services, a role for each of 14 services' letters and the publisher, three of Kafka, the owner's.
    expect([secrets, topics]).toEqual([8 + 14 + 1 + 3 + 1, 27])
  })
})
