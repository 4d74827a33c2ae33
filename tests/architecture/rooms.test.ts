import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from '@jest/globals'

// Every service is the same room: what may stand in it, what must, and that its doors and files agree.

const root = fileURLToPath(new URL('../..', import.meta.url))

/** A room as the rules below see it: file names, and the text of some. */
type Room = { readonly name: string; readonly files: readonly string[]; read(file: string): string }

const REQUIRED = [
  'README.md',
  'domain.test.ts',
  'errors.ts',
  'function.yml',
  'lambda.ts',
  'migrations',
  'routes.ts',
  'service.test.ts',
  'service.ts',
]
const ALLOWED = [
  ...REQUIRED,
  ...['commands', 'commands.ts', 'domain', 'domain.ts', 'jobs.ts', 'reactions.ts', 'settings.ts'],
  ...['store', 'store.ts', 'views.ts'],
]

/** What is wrong with a room, one sentence each. */
const complaints = ({ name, files, read }: Room): string[] => {
  const text = (file: string) => (files.includes(file) ? read(file) : '')
  const has = (file: string) => files.includes(file)
  const isTest = (file: string) => file.endsWith('.test.ts')
  const doors = [
    { door: 'bus', file: 'reactions.ts' },
    { door: 'jobs', file: 'jobs.ts' },
  ]
  return [
    ...REQUIRED.filter((file) => !has(file)).map((file) => `${name} lacks ${file}`),
    ...files
      .filter((file) => !ALLOWED.includes(file) && !isTest(file))
      .map((file) => `${name} holds ${file}, which no service has`),
    ...['domain', 'store'].flatMap((part) =>
      has(part) === has(`${part}.ts`) ? [`${name} has one of ${part}.ts and ${part}/`] : [],
    ),
    ...doors.flatMap(({ door, file }) =>
      has(file) === new RegExp(`export const ${door}\\b`).test(text('lambda.ts'))
        ? []
        : [`${name} has ${file} if and only if lambda.ts exports ${door}`],
    ),
    ...(/uncovered\(\)/.test(text('service.test.ts'))
      ? []
      : [`${name} does not prove that its tests show the whole contract`]),
    ...files
      .filter((file) => !/^(README\.md|[a-z0-9]+(-[a-z0-9]+)*(\.test)?(\.ts|\.yml)?)$/.test(file))
      .map((file) => `${name}/${file} is no kebab-case noun`),
  ]
}

/** The publisher belongs to the platform: it has no contract, no rules and no schema of its own. */
const NO_SERVICES = ['outbox-publisher']

const services = readdirSync(join(root, 'functions')).filter((name) => !NO_SERVICES.includes(name))

const roomOf = (name: string): Room => ({
  name,
  files: readdirSync(join(root, 'functions', name)),
  read: (file) => readFileSync(join(root, 'functions', name, file), 'utf8'),
})

describe('the rooms of functions/', () => {
  it.each(services)('%s is built like all others', (name) => {
    expect(complaints(roomOf(name))).toEqual([])
  })

  const lambda = 'export const http = 1\nexport const bus = 2\n'
  const planted = (change: { add?: string[]; drop?: string[]; lambda?: string; test?: string }) =>
    complaints({
      name: 'x',
      files: [...REQUIRED, 'domain.ts', 'store.ts', 'reactions.ts', ...(change.add ?? [])].filter(
        (file) => !change.drop?.includes(file),
      ),
      read: (file) =>
        file === 'lambda.ts' ? (change.lambda ?? lambda) : (change.test ?? 'hub.uncovered()'),
    })

  it.each([
    [{}, []],
    [{ drop: ['README.md'] }, ['x lacks README.md']],
    [{ add: ['helpers.ts'] }, ['x holds helpers.ts, which no service has']],
    [{ add: ['domain'] }, ['x has one of domain.ts and domain/']],
    [{ drop: ['reactions.ts'] }, ['x has reactions.ts if and only if lambda.ts exports bus']],
    [{ test: '' }, ['x does not prove that its tests show the whole contract']],
    [{ add: ['Upload_it.test.ts'] }, ['x/Upload_it.test.ts is no kebab-case noun']],
  ])('a planted %j is found', (change, expected) => {
    expect(planted(change)).toEqual(expected)
  })
})
