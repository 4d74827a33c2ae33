import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { beforeAll, describe, expect, it } from '@jest/globals'
import { parse } from 'yaml'
import { packageHub } from '../../local/package/package.ts'
import { eventually } from '../support/eventually.ts'
import type { Template } from './template-rules.ts'

// `serverless package` without network or credentials, and what it would not notice by itself; rules for the
// template are in template-rules.ts.

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Decision 0004. */
const BUNDLE_BYTES_MAX = 550_000
const SDK_BUNDLE_BYTES_MAX = 880_000
/**
 * Bundles that carry official clients (S3, Step Functions, MediaConvert, SendGrid), kafkajs, or an HTML parser
 * (decision 0020), by folder.
 */
const SDK_BUNDLES = [
  'functions/content',
  'functions/media',
  'functions/video-processing',
  'functions/video-streaming',
  'functions/certificate',
  'functions/notification',
  'functions/outbox-publisher',
  'workflows/video-processing',
  'workflows/certificate-issuance',
]

type Fragment = { readonly folder: string; readonly keys: readonly string[] }

const camelCase = (name: string) =>
  name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())

const fragmentComplaints = (fragments: readonly Fragment[]): string[] => {
  const owners = new Map<string, string>()
  return fragments.flatMap(({ folder, keys }) =>
    keys.flatMap((key) => {
      const prefix = camelCase(folder.split('/').at(-1) ?? '')
      const owner = owners.get(key)
      owners.set(key, folder)
      return [
        ...(key.startsWith(prefix) ? [] : [`${folder}: ${key} does not begin with ${prefix}`]),
        ...(owner ? [`${key} stands in ${owner} and in ${folder}`] : []),
      ]
    }),
  )
}

/** Every Task of a state machine has a step, and every step a Task. */
const machineComplaints = (definition: unknown, steps: readonly string[]): string[] => {
  const tasks = taskNames(definition)
  return [
    ...tasks.filter((task) => !steps.includes(task)).map((task) => `${task} has no step`),
    ...steps.filter((step) => !tasks.includes(step)).map((step) => `${step} has no task`),
  ]
}

type State = {
  readonly Type?: string
  readonly Resource?: unknown
  readonly States?: Readonly<Record<string, State>>
  readonly Branches?: readonly State[]
  readonly ItemProcessor?: State
}

const taskNames = (machine: unknown): string[] => {
  const { States = {}, Branches = [], ItemProcessor } = machine as State
  return [
    ...Object.entries(States).flatMap(([name, state]) => [
      ...(state.Type === 'Task' && !JSON.stringify(state.Resource).includes(':::')
        ? [lowerFirst(name)]
        : []),
      ...taskNames(state),
    ]),
    ...Branches.flatMap(taskNames),
    ...(ItemProcessor ? taskNames(ItemProcessor) : []),
  ]
}

const lowerFirst = (name: string) => `${name.charAt(0).toLowerCase()}${name.slice(1)}`

/** A workflow's fragment also holds its machine, and so its functions stand under a heading. */
const functionKeys = (fragment: { readonly functions?: object }): string[] =>
  Object.keys(fragment.functions ?? fragment)

const folders = ['functions', 'workflows'].flatMap((room) =>
  readdirSync(join(root, room)).map((name) => `${room}/${name}`),
)
const fragments = folders
  .map((folder) => ({ folder, file: join(root, folder, 'function.yml') }))
  .filter(({ file }) => existsSync(file))
  .map(({ folder, file }) => ({ folder, keys: functionKeys(parse(readFileSync(file, 'utf8'))) }))

describe('the function fragments', () => {
  it('have keys of their own, beginning with the folder', () => {
    expect(fragmentComplaints(fragments)).toEqual([])
  })

  it('all stand in serverless.yml', () => {
    const text = readFileSync(join(root, 'serverless.yml'), 'utf8')
    expect(fragments.filter(({ folder }) => !text.includes(`${folder}/function.yml`))).toEqual([])
  })

  it('are caught when one key stands in two, or has a stranger for a name', () => {
    const planted = [
      { folder: 'functions/course', keys: ['courseHttp'] },
      { folder: 'functions/course-two', keys: ['courseHttp'] },
    ]
    expect(fragmentComplaints(planted)).toEqual([
      'functions/course-two: courseHttp does not begin with courseTwo',
      'courseHttp stands in functions/course and in functions/course-two',
    ])
  })
})

describe('serverless package', () => {
  let template: Template
  let codeRoot: string

  beforeAll(async () => {
    const packaged = await packageHub({ root, reuse: true })
    template = JSON.parse(readFileSync(packaged.templatePath, 'utf8'))
    codeRoot = packaged.codeRoot
  }, 120_000)

  it('holds every function of every fragment', () => {
    const functions = Object.values(template.Resources).filter(
      ({ Type }) => Type === 'AWS::Lambda::Function',
    )
    expect(functions).toHaveLength(fragments.flatMap(({ keys }) => keys).length)
  })

  it('keeps every bundle within its budget', () => {
    const tooLarge = fragments
      .map(({ folder }) => ({
        folder,
        bytes: statSync(join(codeRoot, folder, 'lambda.mjs')).size,
        bytesMax: SDK_BUNDLES.includes(folder) ? SDK_BUNDLE_BYTES_MAX : BUNDLE_BYTES_MAX,
      }))
      .filter(({ bytes, bytesMax }) => bytes > bytesMax)
    expect(tooLarge).toEqual([])
  })

  it('keeps the tracing of its functions, without the SDK that the tracer was made for', async () => {
    const daemon = createSocket('udp4')
    const received: string[] = []
    daemon.on('message', (message) => received.push(message.toString()))
    daemon.bind(0, '127.0.0.1')
    await once(daemon, 'listening')
    try {
      await firstAnswer(join(codeRoot, 'functions/course/lambda.mjs'), daemon.address().port)
      await eventually(() => expect(received).toHaveLength(1))
      expect(JSON.parse(received[0]?.split('\n')[1] ?? '')).toMatchObject({
        name: '## functions/course/lambda.http',
        type: 'subsegment',
        trace_id: TRACE_ID,
        // By this one, which events and workflows carry on, X-Ray finds what belongs together.
        annotations: { ColdStart: true, Service: 'course', trace_id: W3C_TRACE_ID },
      })
    } finally {
      daemon.close()
    }
  })
})

const TRACE_ID = '1-5759e988-bd862e3fe1be46a994272793'
const W3C_TRACE_ID = '5759e988bd862e3fe1be46a994272793'

/** Has a packaged function answer one call in a process of its own, as an environment that is traced. */
const firstAnswer = async (bundle: string, daemonPort: number): Promise<void> => {
  const headers = { 'x-amzn-trace-id': `Root=${TRACE_ID}` }
  const event = { httpMethod: 'GET', path: '/', headers, body: '', isBase64Encoded: false }
  const script = `const { http } = await import(${JSON.stringify(pathToFileURL(bundle).href)})
    await http(${JSON.stringify(event)}, {})`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    env: {
      AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
      AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
      AWS_XRAY_DAEMON_ADDRESS: `127.0.0.1:${daemonPort}`,
      _HANDLER: 'functions/course/lambda.http',
      _X_AMZN_TRACE_ID: `Root=${TRACE_ID};Parent=53995c3f42cd8ad8;Sampled=1`,
      DATABASE_URL: 'postgres://127.0.0.1:9/hub',
      DATABASE_PASSWORD: 'none',
      INTERNAL_JWKS: '[{"kty":"OKP"}]',
      INTERNAL_URL: 'http://127.0.0.1:9',
      PUBLIC_URL: 'http://hub.test',
    },
    stdio: 'ignore',
  })
  const [code] = await once(child, 'exit')
  expect(code).toBe(0)
}

describe('the state machines', () => {
  const workflows = readdirSync(join(root, 'workflows'))

  it.each(workflows)('%s has a step for every task', (name) => {
    const folder = join(root, 'workflows', name)
    const definition = JSON.parse(readFileSync(join(folder, 'state-machine.asl.json'), 'utf8'))
    const steps = [
      ...readFileSync(join(folder, 'lambda.ts'), 'utf8').matchAll(/export const (\w+)/g),
    ]
    expect(
      machineComplaints(
        definition,
        steps.map(([, step]) => step ?? ''),
      ),
    ).toEqual([])
  })

  it('are caught with a task that has no step, and a step that has no task', () => {
    const definition = {
      States: {
        Probe: { Type: 'Task', Resource: '${probe}' },
        Both: {
          Type: 'Parallel',
          Branches: [{ States: { Poster: { Type: 'Task', Resource: 'x' } } }],
        },
        Encode: { Type: 'Task', Resource: 'arn:aws:states:::mediaconvert:createJob.sync' },
      },
    }
    expect(machineComplaints(definition, ['probe', 'publish'])).toEqual([
      'poster has no step',
      'publish has no task',
    ])
  })
})
