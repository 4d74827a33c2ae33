import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { type Zippable, zipSync } from 'fflate'
import * as z from 'zod'

// `npm run layers`: makes the layers of layers/ from npm packages. See layers/README.md.

const root = fileURLToPath(new URL('..', import.meta.url))
const execute = promisify(execFile)

/** What Lambda takes of a function and all its layers, unpacked, in bytes. */
const LAYER_BYTES_MAX = 250 * 1_024 ** 2
const EXECUTABLE = 0o755
const PLAIN = 0o644
/** ZIP cannot say less than 1980; one date for all makes the same bytes every time. */
const ZIP_DATE = new Date('1980-01-02T00:00:00Z')

const layerSchema = z.strictObject({
  description: z.string(),
  files: z
    .array(
      z.strictObject({
        package: z.string(),
        version: z.string().regex(/^\d+\.\d+\.\d+/),
        path: z.string(),
        to: z.string(),
        executable: z.boolean().default(false),
      }),
    )
    .min(1),
})
type Layer = z.output<typeof layerSchema>
type LayerFile = Layer['files'][number]

const main = async (): Promise<void> => {
  const { values, positionals } = parseArgs({
    options: { platform: { type: 'string', default: 'linux-arm64' } },
    allowPositionals: true,
  })
  const names = positionals.length > 0 ? positionals : await layerNames()
  for (const name of names) await make(name, values.platform)
}

const layerNames = async (): Promise<string[]> =>
  (await readdir(join(root, 'layers'))).filter((name) =>
    existsSync(join(root, 'layers', name, 'layer.json')),
  )

/** Builds beside and moves into place: a layer is whole or as it was. */
const make = async (name: string, platform: string): Promise<void> => {
  const folder = join(root, 'layers', name)
  const layer = layerSchema.parse(JSON.parse(await readFile(join(folder, 'layer.json'), 'utf8')))
  const isNative = layer.files.some((file) => file.package.includes('{platform}'))
  const work = await mkdtemp(join(tmpdir(), `layer-${name}-`))
  try {
    const tree = join(work, 'tree')
    for (const file of layer.files) await place(file, { platform, tree, work })
    const zip = zipSync(await zippable(tree, layer))
    const dist = join(folder, 'dist', ...(isNative ? [platform] : []))
    await replace(dist, tree)
    const zipPath = join(folder, 'dist', `${name}${isNative ? `-${platform}` : ''}.zip`)
    await writeFile(zipPath, zip)
    console.log(`${relative(root, zipPath)}: ${(zip.length / 1_024 ** 2).toFixed(1)} MB`)
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

const place = async (
  file: LayerFile,
  { platform, tree, work }: { platform: string; tree: string; work: string },
): Promise<void> => {
  const name = file.package.replace('{platform}', platform)
  const source = join(await packageFolder(name, file.version, work), file.path)
  const target = join(tree, file.to.replace('{platform}', platform))
  await mkdir(dirname(target), { recursive: true })
  await cp(source, target, { recursive: true })
  if (file.executable) await chmod(target, EXECUTABLE)
}

/**
 * Where the package lies unpacked: in node_modules if it is installed in this version, else
 * fetched.
 */
const packageFolder = async (name: string, version: string, work: string): Promise<string> => {
  const installed = join(root, 'node_modules', name)
  const manifest = join(installed, 'package.json')
  if (existsSync(manifest) && JSON.parse(await readFile(manifest, 'utf8')).version === version)
    return installed
  const folder = join(work, name.replaceAll(/[^a-z0-9]/gi, '-'))
  if (!existsSync(folder)) await fetchPackage({ name, version, folder })
  return join(folder, 'package')
}

const packedSchema = z.tuple([z.object({ filename: z.string(), integrity: z.string() })])

const fetchPackage = async ({
  name,
  version,
  folder,
}: {
  name: string
  version: string
  folder: string
}): Promise<void> => {
  await mkdir(folder, { recursive: true })
  const { stdout } = await execute('npm', [
    'pack',
    `${name}@${version}`,
    '--json',
    '--prefer-offline',
    '--pack-destination',
    folder,
  ])
  const [{ filename, integrity }] = packedSchema.parse(JSON.parse(stdout))
  const locked = await lockedIntegrity(name, version)
  if (locked !== undefined && locked !== integrity)
    throw new Error(`${name}@${version} is not what package-lock.json knows.`)
  await execute('tar', ['-xzf', join(folder, filename), '-C', folder])
}

const lockedIntegrity = async (name: string, version: string): Promise<string | undefined> => {
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'))
  const entry = lock.packages[`node_modules/${name}`]
  return entry?.version === version ? entry.integrity : undefined
}

const zippable = async (tree: string, { files }: Layer): Promise<Zippable> => {
  const executables = new Set(files.filter(({ executable }) => executable).map(({ to }) => to))
  const listed = await readdir(tree, { recursive: true })
  const found = listed.map((path) => path.replaceAll('\\', '/'))
  const entries: Zippable = {}
  let bytes = 0
  for (const path of found.toSorted()) {
    if (!(await stat(join(tree, path))).isFile()) continue
    const content = await readFile(join(tree, path))
    bytes += content.length
    const mode = executables.has(path) ? EXECUTABLE : PLAIN
    // The upper half of a ZIP's attributes holds the mode, for files made on Unix (3).
    entries[path] = [content, { mtime: ZIP_DATE, os: 3, attrs: (mode << 16) >>> 0 }]
  }
  if (bytes > LAYER_BYTES_MAX)
    throw new Error(`The layer has ${bytes} bytes: more than Lambda takes.`)
  return entries
}

const replace = async (target: string, tree: string): Promise<void> => {
  await mkdir(dirname(target), { recursive: true })
  const fresh = `${target}.new-${process.pid}`
  await cp(tree, fresh, { recursive: true })
  await rm(target, { recursive: true, force: true })
  await rename(fresh, target)
}

await main()
