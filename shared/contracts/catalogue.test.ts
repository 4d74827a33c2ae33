import { readdirSync } from 'node:fs'
import { describe, expect, it } from '@jest/globals'
import { contracts } from './catalogue.ts'
import type { Contract } from './define.ts'

// Every file beside this one is asked what it exports: a contract that nobody joined would never be routed.
const exported = async (): Promise<readonly Contract[]> => {
  const files = readdirSync(import.meta.dirname).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && file !== 'catalogue.ts',
  )
  const modules = await Promise.all(files.map((file) => import(`./${file}`)))
  return modules.flatMap((module: Record<string, unknown>) =>
    Object.entries(module)
      .filter(([name]) => name.endsWith('Contract') && name !== 'defineContract')
      .map(([, value]) => value as Contract),
  )
}

describe('the catalogue of contracts', () => {
  it('holds every contract that a file here exports', async () => {
    const services = (await exported()).map(({ service }) => service).sort()
    expect(services.length).toBeGreaterThan(0)
    expect(Object.keys(contracts).sort()).toEqual(services)
  })

  it('names each contract after its service and gives no two the same prefix', () => {
    for (const [name, { service }] of Object.entries<Contract>(contracts))
      expect(service).toBe(name)
    const prefixes = Object.values<Contract>(contracts).map(({ prefix }) => prefix)
    expect(new Set(prefixes).size).toBe(prefixes.length)
  })
})
