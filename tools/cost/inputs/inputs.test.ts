import { writeFile } from 'node:fs/promises'
import { describe, expect, it } from '@jest/globals'
import * as z from 'zod'
import { evaluate, fixed } from '../bill/formula.ts'
import { scratchFile } from '../testing.ts'
import { readPrices } from './prices.ts'
import { parseYaml } from './yaml.ts'

const schema = z.strictObject({
  title: z.string(),
  rows: z.array(z.strictObject({ count: z.number().min(0) })),
})
const refusal = (text: string): string => {
  try {
    parseYaml(text, 'load.yaml', schema)
  } catch (error) {
    return (error as Error).message
  }
  return 'accepted'
}

describe('a file', () => {
  it.each([
    [
      'a wrong number',
      'title: x\nrows:\n  - count: 1\n  - count: -2\n',
      'load.yaml:4: rows.1.count: ',
    ],
    ['an unknown key', 'title: x\nrows:\n  - count: 1\n    speed: 2\n', 'load.yaml:4: rows.0: '],
    ['a missing key', 'title: x\n', 'load.yaml:1: rows: '],
    ['broken YAML', 'title: x\nrows: [\n', 'load.yaml:3: '],
    ['a key twice', 'title: x\ntitle: y\nrows: []\n', 'load.yaml:2: '],
    ['JSON with a mistake', '{\n"title": "x",\n"rows": [{ "count": "many" }]\n}', 'load.yaml:3: '],
  ])('with %s is refused with its line', (_name, text, start) => {
    const sentence = refusal(text)
    expect(sentence.slice(0, start.length)).toBe(start)
    expect(sentence).toMatch(/\.$/)
    expect(sentence).not.toContain('\n')
  })

  it('may be YAML or JSON', () => {
    expect(refusal('{"title": "x", "rows": [{"count": 2}]}')).toBe('accepted')
    expect(refusal('title: x\nrows: []')).toBe('accepted')
  })
})

const table = async (rows: readonly string[], regions = 'us-east-1') => {
  const path = await scratchFile('prices.yaml')
  const head = ['looked: 2026-11-22', `currency: USD\nregions: [${regions}]`, 'prices:']
  await writeFile(path, [...head, ...rows.map((row) => `  - { ${row} }`)].join('\n'))
  return readPrices('us-east-1', path)
}
const common = 'region: us-east-1, unit: GB, kind: recalled, date: 2026-11'

describe('the price table', () => {
  it('says for every price where it comes from and when', async () => {
    const { rows, looked } = await readPrices('us-east-1')
    expect(rows.length).toBeGreaterThan(50)
    expect(looked).toMatch(/^\d{4}-\d{2}-\d{2}$/)
    for (const row of rows) expect([row.kind, row.date].join(' ')).toMatch(/^[a-z-]+ \d{4}-\d{2}$/)
  })

  it('divides a price for many exactly', async () => {
    const { of } = await readPrices('us-east-1')
    expect(of('lambda.requests').value.toFixed()).toBe('0.0000002')
  })

  it('charges each tier its own price', async () => {
    const prices = await table([
      `item: a, usd: "0.10", upTo: 100, ${common}`,
      `item: a, usd: "0.05", ${common}`,
    ])
    const cost = (gb: number) => evaluate(prices.costOf('a', fixed('GB', gb, 'GB'))).toFixed()
    expect([cost(0), cost(100), cost(101), cost(300)]).toEqual(['0', '10', '10.05', '20'])
  })

  it('refuses a region that it does not name, even one that copies are sent to', async () => {
    for (const region of ['eu-central-1', 'us-west-2', 'global'])
      await expect(readPrices(region)).rejects.toThrow(
        `There are no prices for ${region}; there are us-east-1, eu-west-1.`,
      )
  })

  it('takes what is the same everywhere from no region', async () => {
    const { of } = await readPrices('eu-west-1')
    expect(of('route53.zone').value.toFixed()).toBe('0.5')
    expect(() => of('moon.rent')).toThrow('The price table has no moon.rent in eu-west-1.')
  })

  it('refuses a region that lacks a price which another has', async () => {
    const gap = table([`item: a, usd: "1", ${common}`], 'us-east-1, eu-west-1')
    await expect(gap).rejects.toThrow(/:3: regions\.1: eu-west-1 has no price of a/)
  })

  it.each([
    ['a price twice', [`item: a, usd: "1", ${common}`, `item: a, usd: "2", ${common}`], ':6: '],
    ['an open last tier missing', [`item: a, usd: "1", upTo: 5, ${common}`], ':5: '],
    ['a price as a float', [`item: a, usd: 0.1, ${common}`], ':5: prices.0.usd'],
  ])('refuses %s', async (_name, rows, where) => {
    await expect(table(rows)).rejects.toThrow(where)
  })
})
