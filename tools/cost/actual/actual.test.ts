import { readFile, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { describe, expect, it } from '@jest/globals'
import { Big } from 'big.js'
import { stringify } from 'csv-stringify/sync'
import fc from 'fast-check'
import { fixed, plus } from '../bill/formula.ts'
import { priceLine } from '../bill/line.ts'
import { usdText } from '../bill/money.ts'
import { spendCsv, spendJson, spendText } from '../output/spend.ts'
import { scratchFile } from '../testing.ts'
import { readLedger, sumOf } from './ledger.ts'
import { movedMost, type Plan, spendOf } from './spend.ts'

type Given = {
  readonly day?: string
  readonly usd: string
  readonly kind?: 'usage' | 'fee' | 'credit' | 'refund' | 'tax'
  readonly code?: string
  readonly usage?: string
  readonly tags?: Readonly<Record<string, string>>
  readonly currency?: string
}

const OURS = { stage: 'prod' }
const monthOf = (day: string) => `${day.slice(0, 7)}-01`
const FOCUS_CATEGORIES = {
  usage: 'Usage',
  fee: 'Purchase',
  credit: 'Credit',
  refund: 'Adjustment',
  tax: 'Tax',
}
const CUR_TYPES = { usage: 'Usage', fee: 'RIFee', credit: 'Credit', refund: 'Refund', tax: 'Tax' }

const filled = (given: Given) => ({
  ...{ day: '2026-10-01', kind: 'usage' as const, code: 'AWSLambda', usage: 'USE1-Request' },
  ...{ tags: OURS, currency: 'USD' },
  ...given,
})

/** The same charges as each format writes them. */
const FORMATS = {
  'FOCUS 1.x': (given: Given) => {
    const { day, usd, kind, code, usage, tags, currency } = filled(given)
    return {
      ...{ BilledCost: usd, EffectiveCost: '99', BillingCurrency: currency },
      BillingPeriodStart: `${monthOf(day)}T00:00:00Z`,
      ...{ ChargePeriodStart: `${day}T00:00:00Z`, ChargeCategory: FOCUS_CATEGORIES[kind] },
      ...{
        ServiceName: code === 'AWSLambda' ? 'AWS Lambda' : code,
        x_ServiceCode: code,
        x_UsageType: usage,
      },
      Tags: JSON.stringify(tags),
    }
  },
  'a legacy Cost and Usage Report': (given: Given) => {
    const { day, usd, kind, code, usage, tags, currency } = filled(given)
    return {
      ...{ 'identity/LineItemId': 'x', 'bill/BillingPeriodStartDate': `${monthOf(day)}T00:00:00Z` },
      ...{ 'lineItem/UnblendedCost': usd, 'lineItem/CurrencyCode': currency },
      ...{
        'lineItem/LineItemType': CUR_TYPES[kind],
        'lineItem/UsageStartDate': `${day}T00:00:00Z`,
      },
      ...{ 'lineItem/ProductCode': code, 'lineItem/UsageType': usage },
      ...{
        'resourceTags/user:Stage': tags.stage ?? '',
        'resourceTags/user:group': (tags as Record<string, string>).group ?? '',
      },
    }
  },
  'a Cost and Usage Report 2.0': (given: Given) => {
    const { day, usd, kind, code, usage, tags, currency } = filled(given)
    return {
      bill_billing_period_start_date: `${monthOf(day)} 00:00:00.000`,
      ...{ line_item_unblended_cost: usd, line_item_currency_code: currency },
      ...{
        line_item_line_item_type: CUR_TYPES[kind],
        line_item_usage_start_date: `${day} 00:00:00.000`,
      },
      ...{ line_item_product_code: code, line_item_usage_type: usage },
      resource_tags: JSON.stringify(
        Object.fromEntries(Object.entries(tags).map(([name, each]) => [`user_${name}`, each])),
      ),
    }
  },
} as const
type FormatName = keyof typeof FORMATS
const NAMES = Object.keys(FORMATS) as FormatName[]

const exported = async (
  charges: readonly Given[],
  name: FormatName = 'FOCUS 1.x',
  file = 'export.csv',
) => {
  const path = await scratchFile(file)
  const text = stringify(
    charges.map((given) => FORMATS[name](given)),
    { header: true },
  )
  await writeFile(path, file.endsWith('.gz') ? await promisify(gzip)(text) : text)
  return path
}

const line = (service: string, group: string, usd: number) =>
  priceLine({
    ...{ id: service, title: service, component: 'functions', service, group },
    cost: plus(fixed('amount', usd, 'USD')),
  })
const PLAN: Plan = {
  stage: 'prod',
  lines: [line('AWSLambda', 'services', 31), line('AmazonRDS', 'shared', 310)],
  baselineLines: [line('AmazonRDS', 'shared', 620)],
  budgetUsd: 400,
}
const spend = async (charges: readonly Given[], name?: FormatName) =>
  spendOf(await readLedger([await exported(charges, name)]), PLAN)
const rowOf = (rows: Awaited<ReturnType<typeof spend>>['services'], name: string) =>
  rows.find((row) => row.name === name)

const MONTH: readonly Given[] = [
  { day: '2026-09-01', usd: '3', tags: { ...OURS, group: 'video' } },
  { day: '2026-09-20', usd: '100' },
  { day: '2026-10-01', usd: '4.5', tags: { ...OURS, group: 'video' } },
  { day: '2026-10-10', usd: '0.5' },
  { day: '2026-10-02', usd: '80', code: 'AmazonRDS', usage: 'Multi-AZUsage:db.r5.xlarge' },
  { day: '2026-10-01', usd: '60', code: 'AmazonRDS', kind: 'fee' },
  { day: '2026-10-03', usd: '-20', code: 'AmazonRDS', kind: 'credit' },
  { day: '2026-10-04', usd: '-5', kind: 'refund' },
  { day: '2026-10-05', usd: '9.99', kind: 'tax' },
]

describe.each(NAMES)('%s', (name) => {
  it('is told by its columns and read to the same spend', async () => {
    const ledger = await readLedger([await exported(MONTH, name)])
    expect(ledger.exports.map(({ format }) => format)).toEqual([name])
    const found = spendOf(ledger, PLAN)
    expect({ month: found.month, days: found.days, billed: usdText(found.billed) }).toEqual({
      ...{ month: '2026-10', days: 10, billed: '129.99' },
    })
    expect(found.aside).toEqual({
      credit: -20_000_000n,
      refund: -5_000_000n,
      tax: 9_990_000n,
      other: 0n,
    })
    // Ten of 31 days.
    expect(rowOf(found.services, 'AmazonRDS')).toMatchObject({
      ...{
        spent: 140_000_000n,
        plan: 100_000_000n,
        baseline: 200_000_000n,
        planOfMonth: 310_000_000n,
      },
      // 80 goes on for 31 days, the fee of 60 is paid once.
      forecast: 308_000_000n,
    })
    expect(rowOf(found.groups, 'video')).toMatchObject({ spent: 4_500_000n, before: 3_000_000n })
  })

  it('may be compressed', async () => {
    const [plain, packed] = [
      await exported(MONTH, name),
      await exported(MONTH, name, 'export.csv.gz'),
    ]
    const sums = [await readLedger([plain]), await readLedger([packed])].map(({ entries }) =>
      sumOf(entries).toFixed(),
    )
    expect(sums[1]).toBe(sums[0])
  })

  it.each([
    [
      'another currency',
      { currency: 'EUR' },
      /:3: the currency is EUR; only USD can be compared\.$/,
    ],
    ['no currency', { currency: '' }, /:3: the currency is not given/],
    ['an amount that is none', { usd: '1,5' }, /:3: \S+ is "1,5", not an amount\.$/],
    ['an empty amount', { usd: '' }, /:3: \S+ is empty, not an amount\.$/],
    ['a day that is none', { day: '2026-13-01' }, /:3: \S+ is "2026-13-01.*", not a date\.$/],
  ])('is refused with the line of %s', async (_what, given, sentence) => {
    const path = await exported([{ usd: '1' }, { usd: '1', ...given }], name)
    await expect(readLedger([path])).rejects.toThrow(sentence)
  })
})

describe('an export', () => {
  const text = async (content: string | Buffer, file = 'export.csv') => {
    const path = await scratchFile(file)
    await writeFile(path, content)
    return path
  }
  const legacyHead =
    'lineItem/UnblendedCost,lineItem/CurrencyCode,bill/BillingPeriodStartDate,lineItem/LineItemType,lineItem/UsageStartDate'

  it.each([
    [
      'of another kind',
      'a,b\n1,2\n',
      'export.csv',
      'neither a FOCUS 1.x nor a Cost and Usage Report',
    ],
    [
      'that lacks a column',
      `${legacyHead}\n1,USD,2026-10-01,Usage,2026-10-01\n`,
      'export.csv',
      'but has no column lineItem/ProductCode',
    ],
    ['without rows', `${legacyHead}\n`, 'export.csv', 'has no rows'],
    ['with a narrow row', 'a,b\n1\n', 'export.csv', 'not as wide as the head'],
    ['that is not compressed', 'a,b\n', 'export.csv.gz', 'is not a gzip file'],
    ['of another ending', 'a,b\n', 'export.parquet', 'neither .csv nor .csv.gz'],
  ])('%s is refused in a sentence', async (_what, content, file, sentence) => {
    await expect(readLedger([await text(content, file)])).rejects.toThrow(sentence)
  })

  it('that ends too early is refused', async () => {
    const whole = await readFile(await exported(MONTH, 'FOCUS 1.x', 'export.csv.gz'))
    const path = await text(whole.subarray(0, whole.length - 20), 'export.csv.gz')
    await expect(readLedger([path])).rejects.toThrow('ends too early')
  })

  it('is not counted twice', async () => {
    const [one, other] = [await exported(MONTH), await exported(MONTH)]
    await expect(readLedger([one, other])).rejects.toThrow('it would be counted twice')
  })

  it('may come in several files', async () => {
    const files = [await exported(MONTH.slice(0, 2)), await exported(MONTH.slice(2))]
    const [parts, whole] = [await readLedger(files), await readLedger([await exported(MONTH)])]
    const [inParts, atOnce] = [spendOf(parts, PLAN), spendOf(whole, PLAN)]
    expect({ ...inParts, exports: atOnce.exports }).toEqual(atOnce)
    // Two states of one month look like two parts of it: what each holds is said.
    expect(spendText(inParts)).toContain(`${files[0]} holds 2026-09-01 to 2026-09-20, $103.00`)
  })

  it('adds up to the billionth of a cent, whatever the order', async () => {
    const amount = fc
      .bigInt({ min: -(10n ** 13n), max: 10n ** 13n })
      .map((units) => new Big(units.toString()).div(1e10).toFixed(10))
    await fc.assert(
      fc.asyncProperty(fc.array(amount, { minLength: 1, maxLength: 60 }), async (amounts) => {
        const { entries } = await readLedger([await exported(amounts.map((usd) => ({ usd })))])
        const expected = amounts.reduce((sum, each) => sum.plus(each), new Big(0))
        expect(sumOf(entries).eq(expected)).toBe(true)
      }),
      { numRuns: 25 },
    )
  })
})

describe('what was spent', () => {
  it('is told apart by usage types, where a product holds several parts', async () => {
    const { entries } = await readLedger([
      await exported([
        { usd: '1', code: 'AmazonEC2', usage: 'USE1-NatGateway-Hours' },
        { usd: '2', code: 'AmazonEC2', usage: 'USE1-BoxUsage:m6i.large' },
        { usd: '3', code: 'AmazonEC2', usage: 'USE1-DataTransfer-Out-Bytes' },
        { usd: '4', code: 'AmazonRDS', usage: 'USE1-RDS:ChargedBackupUsage' },
        { usd: '5', code: 'SomethingNew', usage: 'x' },
      ]),
    ])
    expect(entries.map(({ component, usd }) => [component, usd.toFixed()])).toEqual([
      ...[
        ['network', '1'],
        ['kubernetes', '2'],
        ['network', '3'],
        ['backups', '4'],
        ['other', '5'],
      ],
    ])
  })

  it('of a commitment goes on where it is charged by the hour, and not where it was paid at once', async () => {
    const row = (end: string) => ({
      ...FORMATS['FOCUS 1.x']({ usd: '31', kind: 'fee' }),
      ChargePeriodEnd: end,
    })
    const forecast = async (end: string) => {
      const path = await scratchFile('export.csv')
      await writeFile(path, stringify([row(end)], { header: true }))
      return spendOf(await readLedger([path]), PLAN).total.forecast
    }
    // On the first of 31 days.
    expect(await forecast('2026-10-01T01:00:00Z')).toBe(961_000_000n)
    expect(await forecast('2026-11-01T00:00:00Z')).toBe(31_000_000n)
  })

  it('under a savings plan is the fee, not the price on demand that is taken off again', async () => {
    const row = (type: string, usd: string, day = '2026-10-31') => ({
      ...FORMATS['a legacy Cost and Usage Report']({ usd, day }),
      'lineItem/LineItemType': type,
    })
    const path = await scratchFile('export.csv')
    const rows = [
      row('SavingsPlanCoveredUsage', '10.0000000001'),
      row('SavingsPlanNegation', '-10.0000000001'),
      row('SavingsPlanRecurringFee', '6', '2026-10-01'),
      row('SavingsPlanRecurringFee', '1'),
      row('SomethingOfNextYear', '2'),
    ]
    await writeFile(path, stringify(rows, { header: true }))
    const found = spendOf(await readLedger([path]), PLAN)
    expect([found.total.spent, found.total.forecast, found.aside.other]).toEqual([
      7_000_000n,
      7_000_000n,
      2_000_000n,
    ])
    expect(spendText(found)).toContain('of kinds that are unknown here $2.00')
  })

  it('is compared with the same days of the month before', async () => {
    const found = await spend(MONTH)
    // The 100 of 20 September lie beyond the tenth.
    expect(found.total.before).toBe(3_000_000n)
    expect(movedMost(found.services, 1)).toEqual([
      { name: 'AmazonRDS', spent: 140_000_000n, before: 0n, change: 140_000_000n },
    ])
  })

  it('of a whole month is compared with the whole month before', async () => {
    const found = await spend([...MONTH, { day: '2026-10-31', usd: '1' }])
    expect([found.days, found.total.before]).toEqual([31, 103_000_000n])
    expect(rowOf(found.services, 'AWSLambda')?.forecast).toBe(6_000_000n)
  })

  it('says so where nothing has moved by a dollar', async () => {
    const steady = (day: string) => ({ day, usd: '5' })
    const found = await spend([steady('2026-09-01'), steady('2026-10-01')])
    expect(spendText(found)).toContain('no service and no group moved by a dollar')
  })

  it('says nothing of what moved without a month before', async () => {
    const found = await spend(MONTH.slice(2))
    expect(found.total.before).toBeUndefined()
    expect(spendText(found)).toContain('nothing can be said of what moved')
  })

  it('leaves other stages out and names what has no tag', async () => {
    const found = await spend([
      ...[{ usd: '5' }, { usd: '7', tags: { stage: 'staging' } }, { usd: '2', tags: {} }],
    ])
    expect([found.billed, found.otherStages, found.untagged]).toEqual([
      7_000_000n,
      7_000_000n,
      2_000_000n,
    ])
    // The budget of Terraform filters by the tag; one of 31 days.
    expect(found.forecastBilled).toBe(155_000_000n)
    expect(spendText(found)).toContain('Without any tag, and so not seen by the budget: $2.00.')
  })

  it('leaves other projects out, however their tags are written', async () => {
    const others = [
      { usd: '400', tags: { Project: 'shop', stage: 'prod' } },
      { usd: '100', tags: { project: 'crm' } },
    ]
    const found = await spend([
      { usd: '5', tags: { Stage: 'prod', project: 'learning-hub' } },
      ...others,
    ])
    expect([found.billed, found.otherProjects, found.otherStages]).toEqual([
      ...[5_000_000n, 500_000_000n, 0n],
    ])
    expect(spendText(found)).toContain("it carries another project's tag: $500.00.")
    const staging = await spend([{ usd: '5' }, { usd: '7', tags: { Stage: 'staging' } }])
    expect(staging.otherStages).toBe(7_000_000n)
  })

  it('covers the days from the first to the last that were used', async () => {
    const found = await spend([
      { day: '2026-10-10', usd: '50' },
      { day: '2026-10-15', usd: '10' },
    ])
    // Six of 31 days.
    expect(found).toMatchObject({ firstDay: 10, lastDay: 15, days: 6 })
    expect([found.total.plan, found.total.forecast]).toEqual([66_000_000n, 310_000_000n])
  })

  it('is not compared with other days of the month before', async () => {
    const rolling = await spend([
      { day: '2026-09-16', usd: '5' },
      { day: '2026-10-01', usd: '1' },
      { day: '2026-10-15', usd: '5' },
    ])
    expect(rolling.total.before).toBeUndefined()
    expect(spendText(rolling)).toContain('nothing can be said of what moved')
  })

  it('is that of the month which is asked for', async () => {
    const charges = [...MONTH, { day: '2026-11-01', usd: '0.02' }]
    const ledger = await readLedger([await exported(charges)])
    const [latest, asked] = [spendOf(ledger, PLAN), spendOf(ledger, { ...PLAN, month: '2026-10' })]
    expect([latest.month, latest.days, asked.month, asked.days]).toEqual([
      ...['2026-11', 1, '2026-10', 10],
    ])
    expect(spendText(latest)).toContain('also holds 2026-09, 2026-10; --month looks at another')
    expect(() => spendOf(ledger, { ...PLAN, month: '2026-12' })).toThrow(
      'nothing of the stage prod in 2026-12; it holds 2026-09, 2026-10, 2026-11',
    )
  })

  it('says which fees stand for more than a day', async () => {
    expect(spendText(await spend(MONTH))).toContain('$60.00 are fees for a month or longer')
  })

  it('is refused when all of it is another stage’s', async () => {
    await expect(spend([{ usd: '1', tags: { stage: 'staging' } }])).rejects.toThrow(
      'holds nothing of the stage prod',
    )
  })

  it('is held against the budget', async () => {
    const over = spendText(await spend(MONTH))
    // (4.5 + 0.5 + 80) x 31 / 10 + 60 - 20 - 5 + 9.99.
    expect(over).toContain(
      'the forecast of what it counts is $308.49 (77.1 %), within it by $91.51',
    )
    const more = await spend([...MONTH, { usd: '100' }])
    expect(spendText(more)).toContain('over it by')
  })

  it('is written for programs and spreadsheets to the micro-dollar', async () => {
    const found = await spend([{ usd: '0.0000015', tags: { ...OURS, group: '=cmd()' } }])
    expect(JSON.parse(spendJson(found)).billed).toBe('0.000002')
    // No spreadsheet runs a tag.
    expect(spendCsv(found)).toContain("'=cmd()")
  })
})
