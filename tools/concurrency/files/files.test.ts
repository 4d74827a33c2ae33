import { cp, glob, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { parse } from 'yaml'
import { root as checkout } from '../../measure/root.ts'
import type { Setting } from '../plan/pool.ts'
import { checkFigures } from './check.ts'
import { diffOf, editsFor, undoEdits, writeEdits } from './edits.ts'
import { FUNCTION_FILES } from './fragments.ts'
import { writeAndVerify } from './write.ts'

// On copies of the checkout's own files: whatever their authors write must survive an edit.

let root = ''
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hub-files-'))
  for await (const file of glob(FUNCTION_FILES.map((pattern) => join(checkout, pattern)))) {
    const copy = join(root, relative(checkout, file))
    await mkdir(dirname(copy), { recursive: true })
    await cp(file, copy)
  }
})
afterEach(() => rm(root, { recursive: true, force: true }))

const settings = (entries: Readonly<Record<string, Partial<Setting>>>) =>
  new Map<string, Setting>(
    Object.entries(entries).map(([key, { reserved, provisioned }]) => [
      key,
      { reserved, provisioned },
    ]),
  )
const textOf = (file: string) => readFile(join(root, file), 'utf8')

describe('an edit', () => {
  it('adds lines behind the size of a function and touches no other byte', async () => {
    const before = await textOf('functions/auth/function.yml')
    const [edit, ...others] = await editsFor(
      root,
      settings({ authHttp: { reserved: 40, provisioned: 3 } }),
    )
    expect(others).toEqual([])
    const after = edit?.after.split('\n') ?? []
    const added = ['  reservedConcurrency: 40', '  provisionedConcurrency: 3']
    expect(after.filter((line) => !added.includes(line)).join('\n')).toBe(before)
    expect(after.slice(after.indexOf('  memorySize: 1769') + 1).slice(0, 2)).toEqual(added)
    expect(diffOf(root, edit as NonNullable<typeof edit>)).toMatch(
      /--- a\/functions\/auth\/function.yml.*\n\+\+\+ b\/functions\/auth\/function.yml.*\n@@ .*\n(.*\n)*\+ {2}reservedConcurrency: 40\n/,
    )
  })

  it('changes and removes figures in their place', async () => {
    const [edit] = await editsFor(root, settings({ outboxPublisher: { reserved: 9 } }))
    expect(edit?.after).toBe(
      edit?.before.replace('reservedConcurrency: 5', 'reservedConcurrency: 9'),
    )
    const [cut] = await editsFor(root, settings({ outboxPublisher: {} }))
    expect(cut?.after).toBe(cut?.before.replace('  reservedConcurrency: 5\n', ''))
  })

  it('keeps the line ends of a file that was checked out on Windows', async () => {
    const file = join(root, 'functions/auth/function.yml')
    const before = (await readFile(file, 'utf8')).replaceAll('\n', '\r\n')
    await writeFile(file, before)
    const wanted = settings({ authHttp: { reserved: 40, provisioned: 3 } })
    const [edit] = await editsFor(root, wanted)
    expect(edit?.after).toContain(
      '  memorySize: 1769\r\n  reservedConcurrency: 40\r\n  provisionedConcurrency: 3\r\n',
    )
    expect(edit?.after).not.toMatch(/[^\r]\n/)
    await writeFile(file, edit?.after ?? '')
    expect(await editsFor(root, wanted)).toEqual([])
    const [changed] = await editsFor(root, settings({ authHttp: { reserved: 41 } }))
    expect(changed?.after).toBe(
      edit?.after
        .replace('Concurrency: 40', 'Concurrency: 41')
        .replace('  provisionedConcurrency: 3\r\n', ''),
    )
    const [cut] = await editsFor(root, settings({ authHttp: {} }))
    expect(cut?.after).toBe(before)
  })

  it('keeps them at the end of a file without a last line end', async () => {
    const file = join(root, 'functions/auth/function.yml')
    await writeFile(file, 'authHttp:\r\n  handler: a.b\r\n  timeout: 5')
    const [edit] = await editsFor(root, settings({ authHttp: { reserved: 2 } }))
    expect(edit?.after).toBe(
      'authHttp:\r\n  handler: a.b\r\n  timeout: 5\r\n  reservedConcurrency: 2\r\n',
    )
  })

  it('finds functions of workflows under their heading', async () => {
    const [edit] = await editsFor(root, settings({ certificateIssuanceRender: { reserved: 4 } }))
    expect(parse(edit?.after ?? '').functions.certificateIssuanceRender.reservedConcurrency).toBe(4)
    expect(edit?.after).toContain('    timeout: 60\n    reservedConcurrency: 4\n    layers:')
  })

  it('says what was asked for, whatever it was, and is nothing the second time', async () => {
    const keys = ['courseHttp', 'rbacJobs', 'notificationJobs', 'videoProcessingProbe']
    const figure = fc.option(fc.nat({ max: 900 }), { nil: undefined })
    const wanted = fc.tuple(...keys.map(() => fc.record({ reserved: figure, provisioned: figure })))
    await fc.assert(
      fc.asyncProperty(wanted, async (each) => {
        const map = new Map(keys.map((key, index) => [key, each[index] as Setting]))
        const edits = await editsFor(root, map)
        const texts = new Map(edits.map(({ file, after }) => [file, after]))
        await writeEdits(edits)
        expect(await editsFor(root, map)).toEqual([])
        for (const text of texts.values()) {
          const document = parse(text)
          for (const [key, setting] of map) {
            const one = (document.functions ?? document)[key]
            if (!one) continue
            expect(one.reservedConcurrency).toBe(setting.reserved)
            expect(one.provisionedConcurrency).toBe(setting.provisioned)
          }
        }
        await undoEdits(edits)
        for (const { file, before } of edits) expect(await readFile(file, 'utf8')).toBe(before)
      }),
      { numRuns: 25 },
    )
  })

  it('is refused for a function that no file has', async () => {
    await expect(editsFor(root, settings({ goneHttp: { reserved: 1 } }))).rejects.toThrow(
      /goneHttp/,
    )
  })

  it('is written whole or not at all', async () => {
    const edits = await editsFor(
      root,
      settings({ authHttp: { reserved: 2 }, courseHttp: { reserved: 2 } }),
    )
    const before = await Promise.all(edits.map(({ file }) => readFile(file, 'utf8')))
    const broken = { file: join(root, 'no-folder', 'x.yml'), before: '', after: 'x' }
    await expect(writeEdits([...edits, broken])).rejects.toThrow(/ENOENT/)
    expect(await Promise.all(edits.map(({ file }) => readFile(file, 'utf8')))).toEqual(before)
  })
})

describe('writing', () => {
  const wanted = settings({ authHttp: { reserved: 2 }, courseHttp: { reserved: 3 } })
  const packaged = (courseReserved: number) => async () => [
    { key: 'authHttp', reserved: 2, provisioned: undefined },
    { key: 'courseHttp', reserved: courseReserved, provisioned: undefined },
    { key: 'userHttp', reserved: 9, provisioned: undefined },
  ]

  it('stays where the packager says the same', async () => {
    const edits = await editsFor(root, wanted)
    await writeAndVerify(edits, wanted, packaged(3))
    for (const { file, after } of edits) expect(await readFile(file, 'utf8')).toBe(after)
  })

  it('is undone where the packager says something else, or fails', async () => {
    const edits = await editsFor(root, wanted)
    await expect(writeAndVerify(edits, wanted, packaged(4))).rejects.toThrow(
      /gives courseHttp 4 reserved and no provisioned, not 3 and no/,
    )
    const failing = async () => {
      throw new Error('serverless package failed')
    }
    await expect(writeAndVerify(edits, wanted, failing)).rejects.toThrow(/package failed/)
    for (const { file, before } of edits) expect(await readFile(file, 'utf8')).toBe(before)
  })
})

describe('figures that stand in the files', () => {
  const file = 'functions/auth/function.yml'
  const put = async (line: string) => {
    const text = await textOf(file)
    await writeFile(
      join(root, file),
      text.replace('  memorySize: 1769\n', `  memorySize: 1769\n${line}\n`),
    )
  }

  it('are accepted as they are', async () => {
    await expect(checkFigures(root, 1_000)).resolves.toBeUndefined()
  })

  it.each([
    [
      '  reservedConcurrency: -1',
      /^functions\/auth\/function\.yml:6: reservedConcurrency of authHttp is no whole/,
    ],
    [
      '  provisionedConcurrency: many',
      /^functions\/auth\/function\.yml:6: provisionedConcurrency of authHttp/,
    ],
    [
      '  reservedConcurrency: 895',
      /^functions\/(notification|outbox)[^:]*:\d+: with .* sum up to 90\d, .* reserve 900/,
    ],
    [
      // Without a reservation they are taken from what all share, and Lambda wants a hundred of that left as well.
      '  provisionedConcurrency: 901',
      /^functions\/auth\/function\.yml:6: with authHttp .* sum up to 901, .* reserve 900/,
    ],
    [
      '  reservedConcurrency: 2\n  provisionedConcurrency: 3',
      /function\.yml:7: authHttp provisions 3, more than the 2/,
    ],
    [
      '  }',
      /^functions\/auth\/function\.yml:\d+: this is not YAML|function\.yml:\d+: this is not YAML/,
    ],
  ])('are refused with their line: %s', async (line, expected) => {
    await put(line)
    await expect(checkFigures(root, 1_000)).rejects.toThrow(expected)
  })
})
