import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { goModuleProgram, installed, run } from '../support/engines/toolbox.ts'

const here = fileURLToPath(new URL('.', import.meta.url))

/** The provider that terraform/ pins; the stand-in serves the schema of this version. */
const PROVIDER_VERSION = '6.25.0'
const PROVIDER = join('registry.opentofu.org', 'hashicorp', 'aws', PROVIDER_VERSION)

/** Runs OpenTofu in a folder. @returns what it printed. @throws with its last lines where it fails. */
export type Tofu = (folder: string, args: readonly string[]) => Promise<string>

/** OpenTofu, which finds no provider but the stand-in (see provider/README.md) and asks no registry. */
export const openTofu = async (): Promise<Tofu> => {
  const tofu = await goModuleProgram({
    name: 'tofu',
    folder: join(here, 'tofu'),
    target: 'github.com/opentofu/opentofu/cmd/tofu',
  })
  const configuration = await providerConfiguration()
  return (folder, args) =>
    run(tofu, [`-chdir=${folder}`, ...args], {
      TF_CLI_CONFIG_FILE: configuration,
      TF_IN_AUTOMATION: '1',
      CHECKPOINT_DISABLE: '1',
    })
}

const providerConfiguration = async (): Promise<string> => {
  const provider = await goModuleProgram({
    name: 'terraform-provider-aws',
    folder: join(here, 'provider'),
  })
  const mirror = await installed({ name: 'tofu-mirror', recipe: provider }, async (folder) => {
    const place = join(folder, PROVIDER, `${goPlatform()}`)
    await mkdir(place, { recursive: true })
    await copyFile(provider, join(place, `terraform-provider-aws_v${PROVIDER_VERSION}`))
  })
  const file = join(mirror, 'tofurc')
  const path = JSON.stringify(mirror)
  await writeFile(
    file,
    `provider_installation {\n  filesystem_mirror {\n    path = ${path}\n  }\n}\n`,
  )
  return file
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }

const goPlatform = (): string =>
  `${process.platform}_${ARCHITECTURES[process.arch] ?? process.arch}`
