import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { LICENCES } from '../../../tools/licences.ts'
import { root } from '../../flow/hub.ts'
import { readAudit } from './audit.ts'
import { LICENCE_EXCEPTIONS, LICENCE_TERMS, SCRIPTS_RUN } from './exceptions.ts'
import { secretKinds, secretsIn } from './secrets.ts'

type Locked = {
  readonly version?: string
  readonly integrity?: string
  readonly resolved?: string
  readonly hasInstallScript?: boolean
  readonly optional?: boolean
  readonly link?: boolean
}

const readJson = (path: string) => JSON.parse(readFileSync(join(root, path), 'utf8'))

const packages = new Map(
  Object.entries(readJson('package-lock.json').packages as Record<string, Locked>)
    .filter(([path]) => path !== '')
    .map(([path, locked]) => [path, { name: path.replace(/^.*node_modules\//, ''), ...locked }]),
)
const allowScripts: Readonly<Record<string, boolean>> = readJson('package.json').allowScripts

describe('what is installed', () => {
  it('is fixed to the byte, from the registry alone', () => {
    expect(packages.size).toBeGreaterThan(500)
    const loose = [...packages.values()].filter(
      ({ integrity = '', resolved = '', link }) =>
        link || !integrity.startsWith('sha512-') || /^(git|file|http:)/.test(resolved),
    )
    expect(loose.map(({ name }) => name)).toEqual([])
  })

  it('is named with an exact version', () => {
    const { dependencies, devDependencies, optionalDependencies } = readJson('package.json')
    const wanted = { ...dependencies, ...devDependencies, ...optionalDependencies }
    const exact = /^(npm:[\w@/.-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/
    expect(Object.entries(wanted).filter(([, version]) => !exact.test(String(version)))).toEqual([])
  })

  it('runs the install scripts that have a reason, and no others', () => {
    const allowed = Object.keys(allowScripts).filter((name) => allowScripts[name])
    expect(allowed.toSorted()).toEqual(Object.keys(SCRIPTS_RUN).toSorted())
    const scripted = [...packages.values()].filter(({ hasInstallScript }) => hasInstallScript)
    // Of other platforms: not installed here, and not allowed either.
    const undecided = scripted.filter(({ name, optional }) => !optional && !(name in allowScripts))
    expect(undecided.map(({ name }) => name)).toEqual([])
    const known = new Set(scripted.map(({ name }) => name))
    expect(Object.keys(allowScripts).filter((name) => !known.has(name))).toEqual([])
  })
})

describe('licences', () => {
  type Checked = Readonly<Record<string, { readonly licenses: string | readonly string[] }>>
  const found: Checked = JSON.parse(
    execFileSync(
      process.execPath,
      [
        join(root, 'node_modules/license-checker-rseidelsohn/bin/license-checker-rseidelsohn.js'),
        ...['--json', '--excludePrivatePackages', '--start', root],
      ],
      { encoding: 'utf8', maxBuffer: 50_000_000 },
    ),
  )
  const known = new Set([...LICENCES, ...Object.keys(LICENCE_TERMS)])
  // Every licence of an AND, or one of an OR: the expressions that occur have one kind of operator.
  const isKnown = (expression: string): boolean => {
    const terms = expression.replaceAll(/[()*]/g, '').split(/ AND | OR /)
    return expression.includes(' OR ')
      ? terms.some((term) => known.has(term))
      : terms.every((term) => known.has(term))
  }
  const unknown = Object.entries(found)
    .filter(([, { licenses }]) => ![licenses].flat().every((licence) => isKnown(licence)))
    .map(([name]) => name.replace(/@[^@]*$/, ''))

  it('of all packages, tools included, are on the list, or excepted with a reason', () => {
    expect(Object.keys(found).length).toBeGreaterThan(500)
    expect(unknown.filter((name) => !(name in LICENCE_EXCEPTIONS))).toEqual([])
  })

  it('have no exception that nothing needs', () => {
    const here = new Set(Object.keys(found).map((name) => name.replace(/@[^@]*$/, '')))
    const unused = Object.keys(LICENCE_EXCEPTIONS).filter(
      (name) => here.has(name) && !unknown.includes(name),
    )
    expect(unused).toEqual([])
  })
})

describe('secrets', () => {
  it('stand in no file of the tree', () => {
    const files = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' })
      .split('\0')
      .filter((file) => file !== '' && !/\.(mp4|png|jpg|ttf)$/.test(file))
    expect(files.length).toBeGreaterThan(300)
    const found = files.flatMap((file) =>
      secretsIn(readFileSync(join(root, file), 'utf8')).map((secret) => `${file}: ${secret}`),
    )
    expect(found).toEqual([])
  })

  it('of every kind would be found', () => {
    // Put together here, so that this file holds none.
    const planted = [
      ['-----BEGIN', 'PRIVATE KEY-----\nMIIEvQIBADANBgkqhk'].join(' '),
      `"d": "${'x'.repeat(43)}"`,
      `AKIA${'Z7'.repeat(8)}`,
      ['SG', 'a'.repeat(22), 'b'.repeat(43)].join('.'),
      `ghp_${'a1'.repeat(18)}`,
      `npm_${'a1'.repeat(18)}`,
      `xoxb-${'1'.repeat(12)}`,
      ['eyJhbGciOiJSUzI1NiJ9', 'eyJzdWIiOiJhY2NfMDEifQ', 's'.repeat(40)].join('.'),
      ['postgres://hub', 'hunter22hunter@db.example.com/hub'].join(':'),
    ]
    expect(planted).toHaveLength(secretKinds.length)
    expect(planted.map((text) => secretsIn(text))).toEqual(
      secretKinds.map((kind) => [`${kind} in line 1`]),
    )
  })
})

describe('an audit', () => {
  it('names each advisory once, by package and severity', () => {
    const url = 'https://github.com/advisories/GHSA-aaaa-bbbb-cccc'
    const vulnerabilities = {
      inner: { severity: 'high', via: [{ url, title: 'It breaks' }] },
      outer: { severity: 'high', via: ['inner'] },
    }
    expect(readAudit(JSON.stringify({ vulnerabilities }))).toEqual({
      answered: true,
      findings: ['high inner: It breaks (GHSA-aaaa-bbbb-cccc)'],
    })
  })

  it('that was not answered is told from one that found nothing', () => {
    expect(readAudit(JSON.stringify({ vulnerabilities: {} }))).toEqual({
      answered: true,
      findings: [],
    })
    expect(readAudit(JSON.stringify({ statusCode: 405, message: 'no - there' }))).toEqual({
      answered: false,
      reason: 'HTTP 405',
    })
    expect(readAudit('')).toEqual({ answered: false, reason: 'no report' })
  })
})
