import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { takeTurn } from '../../../local/turn.ts'
import { CommandError, runCommand, tailOf } from '../command.ts'

/** A tool that this machine lacks and that could not be fetched: one sentence, and the suite fails with it. */
export class ToolMissingError extends Error {
  override readonly name = 'ToolMissingError'
}

/** Where fetched tools stay, outside the tree, for all checkouts. `HUB_TOOLS` names another place. */
export const toolsFolder: string =
  process.env.HUB_TOOLS ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'learning-hub', 'tools')

// Who waits for another's turn: the largest tools are built for eleven minutes.
const INSTALL_TIMEOUT_MS = 20 * 60_000
const FETCH_ATTEMPTS_MAX = 2
// A connection that stalls is given up; Maven alone would wait for half an hour, and try again.
const STALLED_SECONDS = 30
const APT = [
  ...['-qq', '-o', `Acquire::http::Timeout=${STALLED_SECONDS}`, '-o', 'Acquire::Retries=3'],
  ...['-o', 'DPkg::Lock::Timeout=120'],
]
const MAVEN = [
  ...['-q', '-B', `-Dmaven.wagon.rto=${STALLED_SECONDS * 1_000}`],
  `-Daether.connector.requestTimeout=${STALLED_SECONDS * 1_000}`,
]

/**
 * The folder of a tool, made by `install` at its first use. Whole or not at all: it is built beside its place and
 * renamed, and two that want it at once take turns.
 *
 * @param recipe all that decides what is installed (versions, sources): another recipe is another folder.
 */
export const installed = async (
  { name, recipe }: { name: string; recipe: string },
  install: (folder: string) => Promise<void>,
): Promise<string> => {
  const version = createHash('sha256').update(recipe).digest('hex').slice(0, 12)
  const place = join(toolsFolder, `${name}-${version}`)
  if (existsSync(place)) return place
  await mkdir(toolsFolder, { recursive: true })
  const release = await takeTurn(`${place}.lock`, { timeoutMs: INSTALL_TIMEOUT_MS })
  try {
    if (existsSync(place)) return place
    const fresh = `${place}.new`
    await rm(fresh, { recursive: true, force: true })
    await mkdir(fresh)
    await install(fresh)
    await rename(fresh, place)
    return place
  } finally {
    await release()
  }
}

/** A program of the machine, or of one of Debian's packages, which root may install. @returns its path. */
export const debianProgram = async (
  program: string,
  packages: readonly string[],
): Promise<string> => {
  const found = onPath(program)
  if (found) return found
  if (process.getuid?.() !== 0 || !onPath('apt-get'))
    throw new ToolMissingError(
      `${program} is missing: install the package ${packages.join(', ')}, or run this as root where apt-get is.`,
    )
  await mkdir(toolsFolder, { recursive: true })
  const release = await takeTurn(join(toolsFolder, 'apt.lock'), { timeoutMs: INSTALL_TIMEOUT_MS })
  try {
    const noQuestions = { DEBIAN_FRONTEND: 'noninteractive' }
    await fetching('apt-get', [...APT, 'update'])
    await fetching(
      'apt-get',
      [...APT, 'install', '-y', '--no-install-recommends', ...packages],
      noQuestions,
    )
  } finally {
    await release()
  }
  const installedNow = onPath(program)
  if (!installedNow) throw new ToolMissingError(`${packages.join(', ')} brought no ${program}.`)
  return installedNow
}

/** A program built from a Go module, e.g. `github.com/a/b/cmd/c@v1.2.3`. @returns its path. */
export const goProgram = async (module: string): Promise<string> => {
  const name = module.replace(/(\/v\d+)?@.*/, '').replace(/.*\//, '')
  const folder = await installed({ name, recipe: module }, async (bin) => {
    const go = await debianProgram('go', ['golang-go'])
    await fetching(go, ['install', module], { GOBIN: bin, GOFLAGS: '-mod=mod' })
  })
  return join(folder, name)
}

/**
 * A program of a Go module in this tree, whose `go.sum` pins all that it is built from.
 *
 * @param folder that holds `go.mod`; another content of it is another program.
 * @param target the package to build, where it is not the module's own.
 * @returns its path.
 */
export const goModuleProgram = async ({
  name,
  folder,
  target = '.',
}: {
  name: string
  folder: string
  target?: string
}): Promise<string> => {
  const recipe = `${target} ${await fingerprintOf(folder)}`
  const place = await installed({ name, recipe }, async (bin) => {
    const go = await debianProgram('go', ['golang-go'])
    await fetching(go, ['build', '-C', folder, '-o', join(bin, name), target], {
      GOFLAGS: '-mod=readonly',
    })
  })
  return join(place, name)
}

/** The sources of a Go module, e.g. `github.com/a/b@v1.2.3`, for what lies beside its code. @returns their folder. */
export const goModuleFolder = async (module: string): Promise<string> => {
  const go = await debianProgram('go', ['golang-go'])
  return JSON.parse(await fetching(go, ['mod', 'download', '-json', module])).Dir
}

const fingerprintOf = async (folder: string): Promise<string> => {
  const hash = createHash('sha256')
  for (const name of (await readdir(folder)).toSorted())
    hash.update(name).update(await readFile(join(folder, name)))
  return hash.digest('hex')
}

/** Jars with all that they need, from Maven coordinates `group:artifact:version`. @returns a class path. */
export const mavenJars = async (name: string, coordinates: readonly string[]): Promise<string> => {
  const folder = await installed({ name, recipe: coordinates.join() }, async (target) => {
    const maven = await debianProgram('mvn', ['maven'])
    const pom = join(target, 'pom.xml')
    await writeFile(pom, pomOf(coordinates))
    const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime']
    await fetching(maven, [...MAVEN, '-f', pom, ...goal, `-DoutputDirectory=${target}`])
  })
  return join(folder, '*')
}

export type PythonPackages = {
  readonly python: string
  /** The folder of the installed packages; it belongs on PYTHONPATH. */
  readonly folder: string
}

/** Python packages in a folder of their own, from pinned requirements. */
export const pythonPackages = async (
  name: string,
  requirements: readonly string[],
): Promise<PythonPackages> => {
  const python = await debianProgram('python3', ['python3', 'python3-pip'])
  const folder = await installed({ name, recipe: requirements.join() }, async (target) => {
    const quiet = ['--quiet', '--disable-pip-version-check', '--root-user-action=ignore']
    await fetching(python, [
      ...['-m', 'pip', 'install', ...quiet, '--timeout', String(STALLED_SECONDS)],
      ...['--upgrade', '--target', target, ...requirements],
    ])
  })
  return { python, folder }
}

const OUTPUT_LINES_KEPT = 15

/** Runs a program to its end. @returns its standard output. @throws ToolMissingError with its last lines. */
export const run = async (
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<string> => {
  const { code, out, said } = await runCommand(program, args, { environment }).catch(
    (error: unknown) => {
      throw error instanceof CommandError ? new ToolMissingError(error.message) : error
    },
  )
  if (code === 0) return out
  const tail = tailOf(said, OUTPUT_LINES_KEPT)
  throw new ToolMissingError(`${program} ${args.join(' ')} failed (exit ${code}):\n${tail}`)
}

/** What loads from the network: what broke or stalled once is tried once more. */
const fetching = async (...command: Parameters<typeof run>): Promise<string> => {
  for (let attempt = 1; ; attempt += 1)
    try {
      return await run(...command)
    } catch (error) {
      if (attempt === FETCH_ATTEMPTS_MAX) throw error
      console.error(`Once more: ${String(error)}`)
    }
}

const onPath = (program: string): string | undefined =>
  [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/go/bin']
    .map((folder) => join(folder, program))
    .find((path) => existsSync(path))

const pomOf = (coordinates: readonly string[]): string => {
  const dependencies = coordinates.map((coordinate) => {
    const [group, artifact, version] = coordinate.split(':')
    return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`
  })
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>hub</groupId><artifactId>tools</artifactId><version>1</version>
<dependencies>${dependencies.join('\n')}</dependencies></project>\n`
}
