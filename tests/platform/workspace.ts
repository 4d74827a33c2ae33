import { generateKeyPairSync } from 'node:crypto'
import { cp, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

export const terraformFolder = join(root, 'terraform')

/** Where plans and what was applied stay for whoever reads them later: `<stage>/{plan,state}.json`. */
export const plansFolder = join(root, 'dist', 'terraform')

export type Workspace = {
  readonly modules: string
  readonly environment: (stage: string) => string
}

/** A copy of terraform/ that keeps its state beside itself, with what a deployment brings along: keys and layers. */
export const openWorkspace = async (): Promise<Workspace> => {
  const folder = join(plansFolder, 'workspace')
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  await cp(terraformFolder, folder, {
    recursive: true,
    filter: (path) => !path.endsWith('backend.tf') && !path.includes('.terraform'),
  })
  const layers = await layerArchives(folder)
  const platform = join(folder, 'modules', 'platform')
  const environments = ['staging', 'prod'].map((stage) => join(folder, 'environments', stage))
  for (const place of [platform, ...environments])
    await writeFile(
      join(place, 'check.auto.tfvars.json'),
      JSON.stringify({ ...publicKeys(), layers_folder: layers }),
    )
  // The module's own tests run with the values of production.
  for (const name of ['settings.auto.tfvars', 'sizes.auto.tfvars.json', 'topics.auto.tfvars.json'])
    await cp(join(folder, 'environments', 'prod', name), join(platform, name))
  return {
    modules: join(folder, 'modules'),
    environment: (stage) => join(folder, 'environments', stage),
  }
}

/** Archives of a few bytes: what is in a layer is for `npm run layers` to say. */
const layerArchives = async (folder: string): Promise<string> => {
  const layers = join(folder, 'layers')
  for (const archive of [
    'ffprobe/dist/ffprobe-linux-arm64',
    'fonts/dist/fonts',
    'typst/dist/typst-linux-arm64',
  ]) {
    const path = join(layers, `${archive}.zip`)
    await mkdir(join(path, '..'), { recursive: true })
    await writeFile(path, archive)
  }
  return layers
}

const publicKeys = () => {
  const internal = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })
  const playback = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  return {
    internal_jwks: JSON.stringify([{ ...internal, kid: 'check' }]),
    playback_public_key: playback.publicKey.export({ type: 'spki', format: 'pem' }),
  }
}
