import { spawn } from 'node:child_process'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { packageHub } from '../../local/package/package.ts'
import { type Bench, type Contender, median } from '../harness/bench.ts'
import { environment } from './environment.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const program = (name: string) => fileURLToPath(new URL(name, import.meta.url))
/** Bundles without an HTTP door have no answer to start to. */
const WITHOUT_HTTP = ['outbox-publisher']

type Bundle = { readonly path: string; readonly bytes: number; readonly hasHttp: boolean }

const bundlesIn = async (codeRoot: string): Promise<readonly Bundle[]> => {
  const services = (await readdir(join(codeRoot, 'functions'))).map((name) => `functions/${name}`)
  const workflows = (await readdir(join(codeRoot, 'workflows'))).map((name) => `workflows/${name}`)
  return Promise.all(
    [...services, ...workflows].map(async (name) => {
      const path = join(codeRoot, name, 'lambda.mjs')
      const isService = name.startsWith('functions/')
      const hasHttp = isService && !WITHOUT_HTTP.some((other) => name.endsWith(other))
      return { path, bytes: (await stat(path)).size, hasHttp }
    }),
  )
}

/** Milliseconds from the start of a Node process to its end. @throws when it fails. */
const millisecondsOf = (
  args: readonly string[],
  more: Readonly<Record<string, string>>,
): Promise<number> =>
  new Promise((resolve, reject) => {
    const startedAt = performance.now()
    const child = spawn(process.execPath, args, {
      env: { ...environment, ...more },
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    child.once('error', reject)
    child.once('exit', (code) => {
      if (code === 0) resolve(performance.now() - startedAt)
      else reject(new Error(`${args.join(' ')} ended with ${code}`))
    })
  })

const packaged = (name: string, options: { readonly withCompileCache: boolean }): Contender => ({
  name,
  async start() {
    const { codeRoot } = await packageHub({ root, reuse: true })
    const bundles = await bundlesIn(codeRoot)
    const kilobytes = bundles.map(({ bytes }) => bytes / 1_000)
    const cache = await mkdtemp(join(tmpdir(), 'hub-bench-'))
    const more = options.withCompileCache ? { NODE_COMPILE_CACHE: cache } : {}
    return {
      async round() {
        const starts: number[] = []
        for (const { path, hasHttp } of bundles)
          if (hasHttp) {
            const args = [program('first-answer.mjs'), pathToFileURL(path).href]
            starts.push(await millisecondsOf(args, more))
          }
        return {
          startMs: median(starts),
          slowestStartMs: Math.max(...starts),
          kilobytes: median(kilobytes),
          largestKilobytes: Math.max(...kilobytes),
        }
      },
      stop: () => rm(cache, { recursive: true, force: true }),
    }
  },
})

const STARTS_PER_ROUND = 15

const emptyProcess: Contender = {
  name: 'empty process',
  async start() {
    return {
      async round() {
        const starts: number[] = []
        for (let start = 0; start < STARTS_PER_ROUND; start += 1)
          starts.push(await millisecondsOf([program('empty.mjs')], {}))
        return { startMs: median(starts), slowestStartMs: Math.max(...starts) }
      },
      stop: async () => {},
    }
  },
}

export const bundle: Bench = {
  name: 'bundle',
  title:
    'Every packaged function from the start of its process to its first answer, against an empty Node process.',
  rounds: 7,
  contenders: [
    packaged('hub', { withCompileCache: false }),
    packaged('hub, compile cache', { withCompileCache: true }),
    emptyProcess,
  ],
  goals: [
    { metric: 'kilobytes', atMost: 500 },
    { metric: 'largestKilobytes', atMost: 500 },
    { metric: 'startMs', against: 'empty process', atMost: 2.3 },
  ],
  notes: [
    'A round starts every function that has an HTTP door once, one after the other; `startMs` is their median. The first ' +
      'answer is a 404, for which no database is asked. Tracing, metrics and logging are on, as on Lambda.',
    '`kilobytes` is the median of all bundles, workflows and the publisher included. Bundles without official clients have ' +
      '460 to 537 KB; the S3, Step Functions and MediaConvert clients, SendGrid’s and kafkajs make the others (decision 0004).',
    'Limit of the start, by the CPU profile: compiling and evaluating the bundle is more than half of it, building the ' +
      'contracts’ zod schemas a sixth, and Node’s own fetch, of which Request and Response come, a fourteenth.',
    'The compile cache (`NODE_COMPILE_CACHE`) is shown apart: Lambda keeps nothing between two cold starts to hold it.',
  ],
}
