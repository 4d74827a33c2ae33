import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { sampleFunction } from '../lambda/fixtures/lambda.ts'
import type { Template } from '../template/template.ts'
import { readConcurrency, withConcurrency } from './concurrency.ts'

const template: Template = {
  functions: [
    sampleFunction('learning-hub-dev-courseHttp', { reservedConcurrency: 9 }),
    sampleFunction('learning-hub-dev-authHttp', { provisionedConcurrency: 3 }),
  ],
  ...{ listenerRules: [], eventSourceMappings: [], schedules: [], eventRules: [] },
  stateMachines: [],
}

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hub-concurrency-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const read = async (content: unknown) => {
  const file = join(folder, 'figures.json')
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content))
  return readConcurrency(file, template)
}

describe('a file of concurrency figures', () => {
  it('takes the place of all figures of the template', async () => {
    const figures = await read({
      unreserved: 5,
      functions: { authHttp: { reserved: 2, provisioned: 1 } },
    })
    expect(
      withConcurrency(template, figures).functions.map((one) => [
        one.reservedConcurrency,
        one.provisionedConcurrency,
      ]),
    ).toEqual([
      [undefined, undefined],
      [2, 1],
    ])
  })

  it('leaves the template as it is where no file is named', async () => {
    expect(withConcurrency(template, await readConcurrency(undefined, template))).toBe(template)
  })

  it('is refused in one sentence', async () => {
    await expect(read('{')).rejects.toThrow(/figures\.json is not right/)
    await expect(read({ unreserved: -1, functions: {} })).rejects.toThrow(/unreserved/)
    await expect(read({ unreserved: 1, functions: { gone: {} } })).rejects.toThrow(
      /names no function: gone\./,
    )
    await expect(readConcurrency(join(folder, 'none'), template)).rejects.toThrow(/cannot be read/)
  })
})
