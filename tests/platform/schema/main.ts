import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { type Binding, readBinding } from './binding.ts'
import { blockOf } from './block.ts'
import { firewallStatement } from './firewall.ts'
import type { Block } from './printed.ts'

// `node tests/platform/schema/main.ts FOLDER`: writes provider/schema-6.25.0.json.gz anew, from the unpacked package
// @cdktf/provider-aws 21.22.1, whose bindings were generated from that provider's schema.

const OUTPUT = fileURLToPath(new URL('../provider/schema-6.25.0.json.gz', import.meta.url))
const PROVIDER = 'registry.opentofu.org/hashicorp/aws'
/** Every further level makes the schema, and each start of the stand-in, five times as large. */
const FIREWALL_DEPTH_MAX = 1

type Found = { readonly base: string; readonly type: string; readonly block: Block }

const main = async (folder: string | undefined): Promise<void> => {
  if (!folder) throw new Error('Give the folder of @cdktf/provider-aws.')
  const found = (await Promise.all((await bindingsIn(folder)).map(readFound))).flat()
  const of = (base: string) =>
    Object.fromEntries(
      found
        .filter((each) => each.base === base)
        .map(({ type, block }) => [type, { version: 0, block }]),
    )
  const resources = of('TerraformResource')
  for (const type of ['aws_wafv2_web_acl', 'aws_wafv2_rule_group'])
    putStatementBack(resources[type]?.block)
  const printed = {
    format_version: '1.0',
    provider_schemas: {
      [PROVIDER]: {
        provider: of('TerraformProvider').aws,
        resource_schemas: resources,
        data_source_schemas: of('TerraformDataSource'),
      },
    },
  }
  await writeFile(OUTPUT, gzipSync(JSON.stringify(printed), { level: 9 }))
  console.log(`${Object.keys(resources).length} resources, ${found.length} bindings`)
}

const bindingsIn = async (folder: string): Promise<readonly string[]> =>
  (await readdir(join(folder, 'lib')))
    .toSorted()
    .map((name) => join(folder, 'lib', name))
    .filter((place) => existsSync(join(place, 'index.js')))

const readFound = async (place: string): Promise<readonly Found[]> => {
  const [code, types] = await Promise.all(
    ['index.js', 'index.d.ts'].map((file) => readFile(join(place, file), 'utf8')),
  )
  const binding = readBinding({ code: code ?? '', types: types ?? '' })
  return [...binding.classes.keys()].flatMap((name) => foundIn(binding, name)).slice(0, 1)
}

const foundIn = (binding: Binding, name: string): readonly Found[] => {
  const { base, body } = binding.classes.get(name) ?? { base: '', body: '' }
  const type = /terraformResourceType: '(\w+)'/.exec(body)?.[1]
  if (!type && base !== 'TerraformProvider') return []
  const text = /synthesizeHclAttributes\(\) \{\n([\s\S]*)$/.exec(body)?.[1] ?? ''
  const block = blockOf(binding, { text, interfaceName: `${name}Config`, classBody: body })
  return [{ base, type: type ?? 'aws', block }]
}

/** The bindings hold the firewall's statements, which have statements in them, as `any`. */
const putStatementBack = (block: Block | undefined): void => {
  const rule = block?.block_types.rule?.block
  if (!rule) return
  delete rule.attributes.statement
  rule.block_types.statement = { ...firewallStatement(FIREWALL_DEPTH_MAX), min_items: 1 }
}

await main(process.argv[2])
