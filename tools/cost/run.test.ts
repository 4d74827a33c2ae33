import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from '@jest/globals'
import { parse } from 'csv-parse/sync'
import { runCost } from './run.ts'
import { SWITCHES } from './switches.ts'
import { focusExport, scratchFile } from './testing.ts'

// The command as people call it, on the real template and the real sizes; only the measurements are not those of today.
const measurements = fileURLToPath(new URL('./fixtures/none.json', import.meta.url))

const cost = async (...args: readonly string[]) => {
  const said = { out: '', err: '' }
  const code = await runCost(['--measurements', measurements, ...args], {
    out: (text) => {
      said.out += text
    },
    err: (text) => {
      said.err += text
    },
  })
  return { code, ...said }
}

beforeAll(() => cost('--budget'), 120_000)

/** A FOCUS export of two months, of which the latter has one day. */
const anExport = () =>
  focusExport('<i>video</i>', [
    { service: 'AWS Lambda', month: '2026-09', usd: '5' },
    { service: 'AWS Lambda', month: '2026-10', usd: '12.5' },
  ])

describe('npm run cost', () => {
  it('compares both designs, says where serverless is dearer and what it would take', async () => {
    const { code, out } = await cost()
    expect(code).toBe(0)
    expect(out).toMatch(/total +\$5,168\.00 +\$/)
    expect(out).toMatch(/peak +25,000 +\$7,568\.00 +\$/)
    expect(out).toContain('Where serverless is dearer in baseline: ')
    expect(out).toMatch(/The bill is below \$3,500 with reservations, /)
    expect(out).toMatch(/carries all 37 services, the serverless bill the \d+ that are built/)
    expect(out).toContain('Recalled and unchecked, in the bill or in what makes it smaller: ')
    expect(out).toContain('price of reserved.opensearch (')
    expect(out).toContain('No function has been measured')
  })

  it('says the same in every form', async () => {
    const [json, csv] = [await cost('--json'), await cost('--csv')]
    const { scenarios } = JSON.parse(json.out)
    const rows = parse<Record<string, string>>(csv.out, { columns: true })
    for (const scenario of scenarios) {
      const micro = rows
        .filter((row) => row.scenario === scenario.name && row.design === 'serverless')
        .reduce((sum, row) => sum + BigInt((row.usd_a_month ?? '').replace('.', '')), 0n)
      expect(micro).toBe(BigInt(scenario.serverless.replace('.', '')))
    }
    expect(scenarios[0]).toMatchObject({ name: 'baseline', baseline: '5168.000000' })
  })

  it('explains a line down to its numbers', async () => {
    const { out } = await cost('--why', 'nat.hours')
    expect(out.split('\n')).toEqual([
      'nat.hours: NAT gateways, $98.5500 a month in baseline',
      '',
      'NAT gateways = NAT gateways × hours of a month × price of nat.hours',
      '  = 3 × 730 × 0.045',
      '  = 98.55 USD',
      'where',
      '  NAT gateways: 3 gateways (terraform: terraform/environments/prod)',
      '  hours of a month: 730 hours (fixed: 365 × 24 ÷ 12)',
      '  price of nat.hours: 0.045 USD per hours (price: us-east-1, infracost, 2024-07)',
    ])
  })

  it('explains a line of the baseline', async () => {
    expect((await cost('--scenario', 'peak', '--why', 'baseline.nodes')).out).toContain(
      '$3,000.0000 a month in peak',
    )
  })

  it('shows what a switch changes', async () => {
    const one = await cost('--with', 'one-nat', '--why', 'nat.hours')
    expect(one.out).toContain('$32.8500')
    const all = await cost('--with', SWITCHES.map(({ name }) => name).join(','))
    expect(all.out).toContain('Switches on: reservations, ')
    expect(all.out).toMatch(/The bill is below \$3,500 with reservations, .*, one-nat\.\n/)
    const two = await cost('--with', 'one-replica,one-nat')
    expect(two.out).toMatch(
      /The bill is below \$3,500 with reservations, .*one-replica, one-nat\.\n/,
    )
  })

  it('holds a load against the baseline’s list prices under the same load', async () => {
    const [ordinary, peak] = [await cost(), await cost('--scenario', 'peak')]
    const atList = (out: string) => /it would be \$([\d,.]+) in/.exec(out)?.[1]?.replace(',', '')
    // The peak's own table is $2,400 more, of which none is a matter of list prices.
    expect(Number(atList(peak.out)) - Number(atList(ordinary.out))).toBeCloseTo(2_400, 2)
  })

  it('shows the baseline beside list prices', async () => {
    const { out } = await cost('--baseline')
    expect(out).toMatch(/Two read replicas +\$600\.00 +\$845\.00 +−\$245\.00/)
    expect(out).toContain('$3,500 to $4,500')
  })

  it('costs the other stage by its own sizes', async () => {
    const { out } = await cost('--stage', 'staging', '--why', 'cache.nodes')
    expect(out).toContain('price of elasticache.cache.t4g.small')
    const whole = await cost('--stage', 'staging')
    expect(whole.out).toContain('beside the sizes of staging its amounts say nothing')
    expect(whole.out).not.toMatch(/Where serverless is dearer|below \$3,500|peak/)
  })

  it('costs another region by its own prices, and counts those that are from memory', async () => {
    const { out } = await cost('--region', 'eu-west-1', '--why', 'nat.hours')
    expect(out).toContain('price of nat.hours: 0.048 USD per hours (price: eu-west-1, aws-list, ')
    const recalled = async (region: string) => {
      const { scenarios, recalled } = JSON.parse((await cost('--region', region, '--json')).out)
      for (const { serverless } of scenarios) expect(Number(serverless)).toBeGreaterThan(1_000)
      return recalled as string[]
    }
    const [home, away] = [await recalled('us-east-1'), await recalled('eu-west-1')]
    expect(away.length).toBeGreaterThan(home.length)
    expect(away).toContain('price of rds.db.r5.xlarge (eu-west-1, recalled, 2026-11)')
  })

  it('takes a load of the caller’s', async () => {
    const path = await scratchFile('mine.json')
    const text = await readFile(new URL('./data/scenarios/pilot.yaml', import.meta.url), 'utf8')
    await writeFile(path, text.replace('Pilot with one organisation', 'My own load'))
    expect((await cost('--scenario', path)).out).toContain('My own load (mine)')
  })

  it('compares what was billed', async () => {
    const { out } = await cost('--actual', await anExport())
    expect(out).toMatch(/AWSLambda +\$12\.50/)
    expect(out).toMatch(/<i>video<\/i> +\$12\.50/)
    expect(out).toMatch(/Budget \$[\d,]+\.00: billed so far /)
  })
})

describe('the page', () => {
  it('stands alone: plots with a sentence and a table each, and nothing fetched', async () => {
    const path = await scratchFile('cost.html')
    expect((await cost('--html', path)).out).toBe(`Written: ${path}`)
    const page = await readFile(path, 'utf8')
    expect(page.match(/<svg /g)?.length).toBe(4)
    expect(page.match(/role="img" aria-label="[^"]{30,}"/g)?.length).toBe(4)
    expect(page.match(/<summary>The numbers<\/summary>/g)?.length).toBe(4)
    expect(page).not.toMatch(/(src|href)="|@import|<script/)
    expect(page).toContain('lang="en"')
    expect(page).not.toMatch(/NaN|undefined|Infinity/)
    for (const part of ['$3,500 to $4,500', 'What it has no line for', 'What rests on assumptions'])
      expect(page).toContain(part)
  })

  it('shows what was billed beside every scenario: by service, by group, and what moved', async () => {
    const path = await scratchFile('cost.html')
    await cost('--actual', await anExport(), '--html', path)
    const page = await readFile(path, 'utf8')
    expect(page.match(/role="img" aria-label="[^"]{30,}"/g)?.length).toBe(5)
    for (const caption of [
      ...['Spend by service', 'Spend by group', 'What moved, by service', 'What moved, by group'],
      'Exam season',
    ])
      expect(page).toContain(`<caption>${caption}`)
    expect(page).toContain('<td class="number">+$7.50</td>')
    expect(page).toMatch(/Budget \$[\d,]+\.00: billed so far /)
    expect(page).toContain('&lt;i&gt;video&lt;/i&gt;')
    expect(page).not.toContain('<i>')
  })

  it('escapes what a scenario is called', async () => {
    const [path, load] = [await scratchFile('cost.html'), await scratchFile('load.yaml')]
    const text = await readFile(new URL('./data/scenarios/pilot.yaml', import.meta.url), 'utf8')
    await writeFile(load, text.replace(/^title: .*$/m, 'title: "<script>alert(1)</script>"'))
    await cost('--scenario', load, '--html', path)
    expect(await readFile(path, 'utf8')).not.toContain('<script>')
  })
})

describe('bad input', () => {
  it.each([
    ['an unknown option', ['--fast'], /^Unknown option '--fast'\. See npm run cost -- --help\.$/],
    [
      'an unknown scenario',
      ['--scenario', 'mars'],
      /^There is no scenario mars; there are baseline, /,
    ],
    [
      'an unknown switch',
      ['--with', 'magic'],
      /^There is no switch magic; there are reservations, /,
    ],
    [
      'an unknown stage',
      ['--stage', 'moon'],
      /^There is no stage moon; there are staging and prod\.$/,
    ],
    [
      'an unknown line',
      ['--why', 'lambda.courseHtpp'],
      /^There is no line lambda\.courseHtpp\. See --lines\.$/,
    ],
    [
      'a line by half its name',
      ['--why', 'Render'],
      /Do you mean lambda\.certificateIssuanceRender\?$/,
    ],
    ['two forms at once', ['--json', '--csv'], /^--json and --csv exclude each other\.$/],
    [
      'a page and another form at once',
      ['--csv', '--html', 'x'],
      /^--csv and --html exclude each other\.$/,
    ],
    [
      'what would be left unheard',
      ['--budget', '--with', 'reservations'],
      /^--budget does not go with --with\.$/,
    ],
    ['lines of a bill', ['--lines', '--actual', 'x.csv'], /^--lines does not go with --actual\.$/],
    [
      'a line of two loads',
      ['--why', 'x', '--scenario', 'a', '--scenario', 'b'],
      /^--why explains a line of one scenario\.$/,
    ],
    ['a month of nothing', ['--month', '2026-10'], /^--month is for --actual\.$/],
    [
      'a month that is none',
      ['--month', '2026-13', '--actual', 'x.csv'],
      /^--month is 2026-13, not a month as 2026-10\.$/,
    ],
    [
      'a page that cannot be written',
      ['--html', '/nonexistent/x.html'],
      /^\/nonexistent\/x\.html cannot be written \(ENOENT\)\.$/,
    ],
    ['no such file', ['--scenario', './none.yaml'], /^\.\/none\.yaml cannot be read\.$/],
    ['no such export', ['--actual', './none.csv'], /^\.\/none\.csv is not there\.$/],
    ['no such measurement', ['--measurements', './none.json'], /^\.\/none\.json cannot be read\.$/],
    ['no such template', ['--template', './none.json'], /^\.\/none\.json is not there; /],
  ])('of %s is one sentence and exit code 1', async (_what, args, sentence) => {
    const { code, out, err } = await cost(...args)
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toMatch(sentence)
    expect(err).not.toContain('\n')
  })

  it.each([
    ['a negative load', 'requests: 240000', 'requests: -1', /load\.yaml:4: requests: /],
    [
      'half a learner',
      'activeLearners: 200',
      'activeLearners: 0.5',
      /load\.yaml:3: activeLearners: /,
    ],
    ['a misspelt amount', 'mails: 1200', 'mail: 1200', /load\.yaml:\d+: /],
    [
      'a region without prices',
      'title: Pilot',
      'region: eu-north-1\ntitle: Pilot',
      /^There are no prices for eu-north-1; there are us-east-1, eu-west-1\.$/,
    ],
  ])('in a scenario: %s is refused', async (_what, from, to, sentence) => {
    const path = await scratchFile('load.yaml')
    const text = await readFile(new URL('./data/scenarios/pilot.yaml', import.meta.url), 'utf8')
    await writeFile(path, text.replace(from, to))
    const { code, err } = await cost('--scenario', path)
    expect(code).toBe(1)
    expect(err).toMatch(sentence)
  })
})
