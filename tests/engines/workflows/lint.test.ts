import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { pythonPackages, run } from '../../support/engines/toolbox.ts'
import { machines, pathOf } from './machine.ts'

// CommonJS, and its types are not published where TypeScript looks.
const validate = createRequire(import.meta.url)('asl-validator') as (definition: unknown) => {
  readonly isValid: boolean
}

let folder: string
let python: string
let packages: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'statelint-'))
  const found = await pythonPackages('statelint', ['statelint==3.1.0'])
  python = found.python
  packages = found.folder
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** As CloudFormation resolves it; and statelint takes a rate for one only with a decimal point. */
const resolved = async (name: string) =>
  (await readFile(pathOf(name), 'utf8'))
    .replaceAll(/\$\{(\w+)\.Arn\}/g, 'arn:aws:lambda:us-east-1:123456789012:function:$1')
    .replaceAll(/("BackoffRate": \d+)(?![\d.])/g, '$1.0')

const statelint = async (definition: string) => {
  const file = join(folder, 'state-machine.json')
  await writeFile(file, definition)
  return run(python, ['-m', 'statelint', file], { PYTHONPATH: packages })
}

describe.each(machines)('$name', ({ name }) => {
  it('is accepted by both linters', async () => {
    const definition = await resolved(name)
    expect((await statelint(definition)).trim()).toBe('')
    expect(validate(JSON.parse(definition)).isValid).toBe(true)
  })

  it('is refused by both once it says something that the language does not', async () => {
    const broken = (await resolved(name)).replaceAll('"MaxAttempts": 4', '"MaxAttempts": "four"')
    await expect(statelint(broken)).rejects.toThrow('MaxAttempts')
    expect(validate(JSON.parse(broken)).isValid).toBe(false)
  })
})
