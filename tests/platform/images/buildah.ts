import { copyFile, cp, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { engineFolder } from '../../support/engines/folder.ts'
import { debianProgram, installed, run } from '../../support/engines/toolbox.ts'

/** What the Dockerfiles begin with. */
const BASE = 'docker.io/library/node:24-bookworm-slim'
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt'

export type Buildah = {
  readonly program: string
  /** Come before every command of buildah's: where its images are. */
  readonly options: readonly string[]
  /** @returns what it printed. @throws an Error with its last lines. */
  run(args: readonly string[]): Promise<string>
  remove(): Promise<void>
}

/**
 * buildah with a store of its own that holds the base image: the official one, or, on a machine that reaches no registry
 * of images, one that is made here, of Debian's packages and the Node that runs this.
 */
export const openBuildah = async (): Promise<Buildah> => {
  const program = await debianProgram('buildah', ['buildah', 'crun', 'fuse-overlayfs'])
  const folder = await engineFolder('images')
  const store = ['--root', join(folder.path, 'store'), '--runroot', join(folder.path, 'run')]
  const options = [...store, '--storage-driver', 'vfs']
  const buildah = (args: readonly string[]) =>
    run(program, [...options, ...args], { BUILDAH_ISOLATION: 'chroot' })
  await buildah(['pull', '--quiet', BASE]).catch(async () => {
    const context = await baseContext()
    await buildah(['build', '--quiet', '--format', 'docker', '--tag', BASE, context])
  })
  return { program, options, run: buildah, remove: folder.remove }
}

/** Debian's smallest system, Node and npm, and whom this machine trusts. */
const baseContext = (): Promise<string> =>
  installed(
    { name: 'node-base', recipe: `${process.version} ${CONTAINERFILE}` },
    async (folder) => {
      const mmdebstrap = await debianProgram('mmdebstrap', ['mmdebstrap'])
      const system = join(folder, 'system.tar')
      const packages = '--include=ca-certificates'
      await run(mmdebstrap, ['--quiet', '--variant=minbase', packages, 'bookworm', system])
      const local = join(folder, 'local')
      const modules = join(local, 'lib/node_modules')
      await mkdir(join(local, 'bin'), { recursive: true })
      await copyFile(process.execPath, join(local, 'bin/node'))
      const npm = (await run('npm', ['root', '--global'])).trim()
      await cp(join(npm, 'npm'), join(modules, 'npm'), { recursive: true })
      await symlink('../lib/node_modules/npm/bin/npm-cli.js', join(local, 'bin/npm'))
      await mkdir(join(local, 'etc'))
      await writeFile(join(local, 'etc/npmrc'), `cafile=${CERTIFICATES}\n`)
      await copyFile(CERTIFICATES, join(folder, 'ca-certificates.crt'))
      await writeFile(join(folder, 'Dockerfile'), CONTAINERFILE)
    },
  )

const CONTAINERFILE = `FROM scratch
ADD system.tar /
COPY ca-certificates.crt ${CERTIFICATES}
COPY local /usr/local
`
