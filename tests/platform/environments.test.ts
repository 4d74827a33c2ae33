import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from '@jest/globals'
import { TOPICS_FILE, topicVariables } from '../../tools/terraform/topic-variables.ts'

// What holds of terraform/ without running it; `npm run check:terraform` does the rest.

const terraform = fileURLToPath(new URL('../../terraform', import.meta.url))
const text = (path: string) => readFileSync(join(terraform, path), 'utf8')

/** What stages may differ in: values, and where their state is kept. */
const OWN_FILES = ['backend.tf', 'settings.auto.tfvars', 'sizes.auto.tfvars.json']

const STAGES = ['staging', 'prod'] as const

describe('the environments', () => {
  it('are the same lines', () => {
    const shared = (stage: string) =>
      readdirSync(join(terraform, 'environments', stage))
        .filter((name) => /\.(tf|tfvars|json)$/.test(name) && !OWN_FILES.includes(name))
        .map((name) => [name, text(join('environments', stage, name))])
    expect(shared('staging')).toEqual(shared('prod'))
    expect(shared('prod').length).toBeGreaterThan(4)
  })

  it.each(STAGES)('keep the state of %s apart, encrypted and locked', (stage) => {
    const backend = text(join('environments', stage, 'backend.tf'))
    expect(backend).toContain(`bucket       = "learning-hub-terraform-${stage}"`)
    expect(backend).toContain('encrypt      = true')
    expect(backend).toContain('use_lockfile = true')
  })

  it.each(STAGES)(
    'know the topics of the event registry (%s); npm run terraform:topics',
    (stage) => {
      expect(text(join('environments', stage, TOPICS_FILE))).toBe(topicVariables())
    },
  )
})

describe('a module', () => {
  const modules = readdirSync(join(terraform, 'modules'))

  it.each(modules)('%s has its files, and pins the provider', (name) => {
    const missing = ['main.tf', 'variables.tf', 'outputs.tf', 'versions.tf', 'README.md'].filter(
      (file) => !existsSync(join(terraform, 'modules', name, file)),
    )
    expect(missing).toEqual([])
    expect(text(join('modules', name, 'versions.tf'))).toMatch(/version\s+= "6\.25\.0"/)
  })

  it.each(modules)('%s says what each of its variables and outputs is', (name) => {
    const blocks = ['variables.tf', 'outputs.tf'].flatMap((file) =>
      text(join('modules', name, file)).split(/^(?=variable |output )/m),
    )
    const silent = blocks
      .filter((block) => /^(variable|output) /.test(block))
      .filter((block) => !/^ {2}description = ".+"$/m.test(block))
    expect(silent).toEqual([])
  })
})
