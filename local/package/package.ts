import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { takeTurn } from '../turn.ts'

export type Packaged = {
  /** The CloudFormation template that deploys. */
  readonly templatePath: string
  /** The bundles, below the paths that the template's handlers name. */
  readonly codeRoot: string
  readonly seconds: number
  /** Whether an earlier packaging of the very same sources served. */
  readonly reused: boolean
}

const TEMPLATE = 'cloudformation-template-update-stack.json'
const OUTPUT_LINES_KEPT = 15
/** Packages of former sources that are kept, so that two checkouts of one hub do not fight. */
const PACKAGES_KEPT_MAX = 3

/**
 * Runs `serverless package`, or takes what an earlier run made of the same sources.
 *
 * Each run builds in a folder of its own and is moved into place when it is whole, so a kill leaves nothing half
 * done; two hubs that start at once take turns.
 *
 * @throws an Error with the packager's last lines.
 */
export const packageHub = async ({
  root,
  reuse,
}: {
  root: string
  reuse: boolean
}): Promise<Packaged> => {
  const startedAt = performance.now()
  const shelf = join(root, 'node_modules', '.cache', 'hub-package')
  const place = join(shelf, await fingerprint(root))
  const done = (reused: boolean): Packaged => ({
    templatePath: join(place, TEMPLATE),
    codeRoot: join(place, 'code'),
    seconds: (performance.now() - startedAt) / 1_000,
    reused,
  })
  if (reuse && existsSync(join(place, TEMPLATE))) return done(true)
  await mkdir(shelf, { recursive: true })
  const release = await takeTurn(join(shelf, 'packager.lock'), {
    timeoutMs: TURN_TIMEOUT_MS,
  })
  try {
    // Who waited may find that the one before has packaged the very same sources.
    if (reuse && existsSync(join(place, TEMPLATE))) return done(true)
    await build({ root, shelf, place })
    if (!reuse) await publish({ root, place })
    await forgetOld(shelf, place)
    return done(false)
  } finally {
    await release()
  }
}

const build = async ({ root, shelf, place }: { root: string; shelf: string; place: string }) => {
  const work = join(shelf, `building-${process.pid}`)
  await rm(work, { recursive: true, force: true })
  await mkdir(work, { recursive: true })
  try {
    await serverlessPackage({ root, work })
    await rename(join(work, 'build', '.build'), join(work, 'package', 'code'))
    await rm(place, { recursive: true, force: true })
    await rename(join(work, 'package'), place)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

const TURN_TIMEOUT_MS = 180_000

const serverlessPackage = ({ root, work }: { root: string; work: string }): Promise<void> =>
  new Promise((resolve, reject) => {
    const cli = join(root, 'node_modules', '.bin', 'serverless')
    const child = spawn(cli, ['package', '--package', relative(root, join(work, 'package'))], {
      cwd: root,
      env: { ...process.env, HUB_BUILD_FOLDER: relative(root, join(work, 'build')) },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let lines: string[] = []
    const keep = (chunk: Buffer) => {
      lines = [...lines, ...chunk.toString().split('\n')].filter(Boolean).slice(-OUTPUT_LINES_KEPT)
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.once('error', reject)
    child.once('close', (code) =>
      code === 0
        ? resolve()
        : reject(new Error(`serverless package failed (exit ${code}):\n${lines.join('\n')}`)),
    )
  })

/** The artefacts where Serverless's own tools and CI look for them. */
const publish = async ({ root, place }: { root: string; place: string }) => {
  const target = join(root, '.serverless')
  await rm(target, { recursive: true, force: true })
  await cp(place, target, { recursive: true, filter: (source) => !source.endsWith('.map') })
}

const SOURCES = [
  ...['functions', 'workflows', 'shared', 'serverless.yml', 'package-lock.json'],
  ...['tools/lean-bundles.mjs', 'tools/shifted-aliases.mjs'],
]
const IRRELEVANT = /\.test\.ts$|\.md$|\/migrations\//

const fingerprint = async (root: string): Promise<string> => {
  const hash = createHash('sha256')
  for (const source of SOURCES) await addToHash(hash, join(root, source), root)
  return hash.digest('hex').slice(0, 24)
}

const addToHash = async (hash: ReturnType<typeof createHash>, path: string, root: string) => {
  const name = relative(root, path)
  if (!existsSync(path)) return
  const entries = await readdir(path, { withFileTypes: true }).catch(() => undefined)
  if (!entries) {
    if (!IRRELEVANT.test(name))
      hash
        .update(name)
        .update('\0')
        .update(await readFile(path))
    return
  }
  const names = entries.map((entry) => entry.name).sort()
  for (const entry of names) await addToHash(hash, join(path, entry), root)
}

const forgetOld = async (shelf: string, current: string) => {
  await writeFile(join(current, '.used'), new Date().toISOString())
  const packages = (await readdir(shelf)).filter((name) => /^[0-9a-f]{24}$/.test(name))
  const used = await Promise.all(
    packages.map(async (name) => ({
      name,
      at: await readFile(join(shelf, name, '.used'), 'utf8').catch(() => ''),
    })),
  )
  const old = used.sort((one, other) => other.at.localeCompare(one.at)).slice(PACKAGES_KEPT_MAX)
  for (const { name } of old) await rm(join(shelf, name), { recursive: true, force: true })
}
