import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from '@jest/globals'
import { parse, parseAllDocuments } from 'yaml'

// The contract between Terraform and those who read what it writes, the serverless stack, the pods and the pipeline:
// parameters and secrets, by name.

const root = fileURLToPath(new URL('../..', import.meta.url))
const text = (path: string) => readFileSync(join(root, path), 'utf8')

const differences = (wanted: readonly string[], there: readonly string[]): readonly string[] => [
  ...wanted.filter((name) => !there.includes(name)).map((name) => `read, not written: ${name}`),
  ...there.filter((name) => !wanted.includes(name)).map((name) => `written, not read: ${name}`),
]

/** Names below `/learning-hub/<stage>/` that the stack takes as parameters. */
const readNames = (serverless: string): readonly string[] => {
  const parameters: Readonly<Record<string, { Type: string; Default: string }>> =
    parse(serverless).resources.Parameters
  return Object.values(parameters)
    .filter(({ Type }) => Type.startsWith('AWS::SSM::Parameter::Value'))
    .map(({ Default }) => Default.replace('/learning-hub/${self:provider.stage}/', ''))
}

/** The keys of `parameters = { … }` in parameters.tf. */
const writtenNames = (hcl: string): readonly string[] => {
  const block = /parameters = \{\n([\s\S]*?)\n {2}\}/.exec(hcl)?.[1] ?? ''
  return [...block.matchAll(/^\s+"([a-z0-9/-]+)"\s+=/gm)].map(([, name = '']) => name)
}

const fragments = ['functions', 'workflows'].flatMap((folder) =>
  readdirSync(join(root, folder)).map((name) => text(join(folder, name, 'function.yml'))),
)

const REFERENCE =
  /\{\{resolve:secretsmanager:\/learning-hub\/\$\{self:provider\.stage\}\/([\w-]+):SecretString:([\w-]+)\}\}/g

/** `secret: key` pairs that the stack resolves. */
const readSecrets = (texts: readonly string[]): readonly string[] => [
  ...new Set(
    texts.flatMap((each) =>
      [...each.matchAll(REFERENCE)].map(([, name, key]) => `${name}: ${key}`),
    ),
  ),
]

const madeSecrets = (hcl: string): readonly string[] => {
  const block = /service_secrets = \{\n([\s\S]*?)\n {2}\}/.exec(hcl)?.[1] ?? ''
  return [...block.matchAll(/^\s+([\w-]+)\s+= \[(.*)\]$/gm)].flatMap(([, name, keys = '']) =>
    [...keys.matchAll(/"([\w-]+)"/g)].map(([, key]) => `${name}: ${key}`),
  )
}

type Remote = {
  readonly remoteRef: { readonly key: string; readonly property?: string }
  readonly sourceRef?: { readonly storeRef: { readonly name: string } }
}

/** What pods are given, by the cluster's secrets operator. */
const remotes = readdirSync(join(root, 'eks-workloads'))
  .map((name) => join('eks-workloads', name, 'kubernetes/external-secret.yaml'))
  .filter((path) => existsSync(join(root, path)))
  .flatMap((path) => parseAllDocuments(text(path)))
  .flatMap((document): readonly Remote[] => document.toJS().spec.data)
const ofParameters = ({ sourceRef }: Remote) => sourceRef?.storeRef.name === 'parameters'
const podsParameters = remotes.filter(ofParameters).map(({ remoteRef }) => remoteRef.key)
const podsSecrets = remotes
  .filter((remote) => !ofParameters(remote))
  .map(({ remoteRef }) => `${remoteRef.key}: ${remoteRef.property}`)

/** What the pipeline asks for itself. */
const pipelinesParameters = [
  ...text('Jenkinsfile').matchAll(
    /ssm get-parameter --name \/learning-hub\/\$\{params\.ENVIRONMENT\}\/([\w/-]+)/g,
  ),
].map(([, name = '']) => name)

describe('parameters of the serverless stack, the pods and the pipeline', () => {
  const wanted = [
    ...new Set([...readNames(text('serverless.yml')), ...podsParameters, ...pipelinesParameters]),
  ]
  const written = writtenNames(text('terraform/modules/platform/parameters.tf'))

  it('are all written by Terraform, and no other is', () => {
    expect(written.length).toBeGreaterThan(20)
    expect(differences(wanted, written)).toEqual([])
  })

  it('would be missed on either side', () => {
    expect(differences([...wanted, 'network/new'], written)).toEqual([
      'read, not written: network/new',
    ])
    expect(differences(wanted.slice(1), written)).toEqual([`written, not read: ${wanted[0]}`])
  })

  it('are each referred to somewhere', () => {
    // The plugin names resources as JavaScript does, with quotes.
    const plugin = text('tools/shifted-aliases.mjs').replaceAll("'", '')
    const stack = [text('serverless.yml'), plugin, ...fragments].join('\n')
    const machines = readdirSync(join(root, 'workflows')).map((name) =>
      text(join('workflows', name, 'state-machine.asl.json')),
    )
    const all = [stack, ...machines].join('\n')
    const names = Object.keys(parse(text('serverless.yml')).resources.Parameters)
    const isUsed = (name: string) =>
      [`Ref: ${name} `, `\${${name}}`, `#{${name}}`].some((use) => all.includes(use))
    expect(names.filter((name) => !isUsed(name))).toEqual([])
  })
})

describe('secrets of the serverless stack and the pods', () => {
  const made = madeSecrets(text('terraform/modules/secrets/main.tf'))

  it('are all made by Terraform, and no other is', () => {
    const wanted = [...readSecrets([text('serverless.yml'), ...fragments]), ...podsSecrets]
    expect(wanted.length).toBeGreaterThan(5)
    expect(differences(wanted, made)).toEqual([])
  })
})
