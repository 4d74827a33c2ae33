import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { packageHub } from '../../../local/package/package.ts'
import { type StateMachine, stateMachinesOf } from '../../packaging/state-machines.ts'
import { type PythonPackages, pythonPackages, run } from '../../support/engines/toolbox.ts'

// The packaged template through cfn-lint, and its state machines, which cfn-lint does not read where they are filled in
// by CloudFormation, through the two linters of their language.

const root = fileURLToPath(new URL('../../..', import.meta.url))

// It brings no types.
const validate = createRequire(import.meta.url)('asl-validator') as (definition: unknown) => {
  readonly isValid: boolean
}

let folder: string
let text: string
let machines: readonly StateMachine[]
let cfnLint: PythonPackages
let statelint: PythonPackages

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hub-template-'))
  cfnLint = await pythonPackages('cfn-lint', ['cfn-lint==1.58.0'])
  statelint = await pythonPackages('statelint', ['statelint==3.1.0'])
  const { templatePath } = await packageHub({ root, reuse: true })
  text = await readFile(templatePath, 'utf8')
  machines = stateMachinesOf(JSON.parse(text))
}, 300_000)
afterAll(() => rm(folder, { recursive: true, force: true }))

const inFile = async (name: string, content: string): Promise<string> => {
  const file = join(folder, name)
  await writeFile(file, content)
  return file
}

const python = ({ python: program, folder: packages }: PythonPackages, args: readonly string[]) =>
  run(program, args, { PYTHONPATH: packages })

/** @throws with the findings where one is an error: E1101, which hides other findings, is one. */
const lintTemplate = async (template: string) => {
  const file = await inFile('template.json', template)
  const options = ['--regions', 'us-east-1', '--non-zero-exit-code', 'error']
  // It can not be run by its name as a module.
  const main = ['-c', 'from cfnlint.runner import main; main()']
  return python(cfnLint, [...main, ...options, '--template', file])
}

const lintMachine = async (definition: string) => {
  // statelint takes a rate for one only with a decimal point.
  const decimal = definition.replaceAll(/("BackoffRate": ?\d+)(?![\d.])/g, '$1.0')
  return python(statelint, ['-m', 'statelint', await inFile('machine.json', decimal)])
}

describe('the packaged template', () => {
  it('has no error that cfn-lint knows', async () => {
    await expect(lintTemplate(text)).resolves.toEqual(expect.any(String))
  })

  it.each([
    ['a property that does not exist', '"MemorySize"', '"MemorySise"', 'E3002'],
    ['a reference to nothing', '"Ref": "AlbListenerArn"', '"Ref": "AlbListener"', 'E1020'],
    ['memory that Lambda does not have', '"MemorySize": 1024', '"MemorySize": 64', 'E3034'],
    ['a runtime that is no more', '"nodejs24.x"', '"nodejs12.x"', 'E2533'],
  ])('would be refused with %s', async (_, from, to, code) => {
    const broken = text.replaceAll(from, to)
    expect(broken).not.toBe(text)
    await expect(lintTemplate(broken)).rejects.toThrow(code)
  })

  it('holds both state machines, and both linters accept them', async () => {
    expect(machines).toHaveLength(2)
    for (const { definition } of machines) {
      expect((await lintMachine(definition)).trim()).toBe('')
      expect(validate(JSON.parse(definition)).isValid).toBe(true)
    }
  })

  it('would be refused with a state machine that leads nowhere', async () => {
    for (const { definition } of machines) {
      const broken = definition.replace(/"Next": ?"\w+"/, '"Next": "Nowhere"')
      await expect(lintMachine(broken)).rejects.toThrow('Nowhere')
    }
  })
})
