import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from '@jest/globals'
import { parse, parseAllDocuments } from 'yaml'
import * as z from 'zod'

// The charts of eks-workloads/add-ons against the manifests that count on them, and the roles that they act as.

const root = fileURLToPath(new URL('../..', import.meta.url))
const text = (path: string) => readFileSync(join(root, path), 'utf8')

const chartSchema = z.object({
  name: z.string(),
  annotations: z.record(z.string(), z.string()).default({}),
  dependencies: z.tuple([
    z.strictObject({ name: z.string(), version: z.string(), repository: z.url() }),
  ]),
})

const folder = 'eks-workloads/add-ons'
const charts = readdirSync(join(root, folder)).map((name) => ({
  folder: name,
  chart: chartSchema.parse(parse(text(join(folder, name, 'Chart.yaml')))),
  values: parse(text(join(folder, name, 'values.yaml'))),
}))

/** Groups of kinds in the manifests that Kubernetes itself does not bring. */
const usedGroups = (yaml: string): readonly string[] =>
  parseAllDocuments(yaml)
    .map((document) => String(document.toJS()?.apiVersion).split('/'))
    .flatMap(([group = '', version]) => (version && group.includes('.') ? [group] : []))
    .filter((group) => !group.endsWith('.k8s.io'))

const manifests = readdirSync(join(root, 'eks-workloads'), { recursive: true, encoding: 'utf8' })
  .filter((path) => /(^|\/)kubernetes\/.*\.yaml$/.test(path))
  .map((path) => text(join('eks-workloads', path)))

/** `namespace / service account` of each role that a pod acts as. */
const rolesAccounts = [
  ...text('terraform/modules/cluster/roles.tf').matchAll(
    /namespace {7}= "([\w-]+)"\n\s+service_account = "([\w-]+)"/g,
  ),
].map(([, namespace, account]) => `${namespace} / ${account}`)

describe('the add-ons', () => {
  it('bring every kind that the manifests use, and nothing for nobody', () => {
    const brought = charts.flatMap(
      ({ chart }) => chart.annotations['learning-hub/brings']?.split(' ') ?? [],
    )
    const used = new Set(manifests.flatMap(usedGroups))
    expect(brought.toSorted()).toEqual([...used].toSorted())
    expect(usedGroups('apiVersion: cert-manager.io/v1\nkind: Certificate\n')).toEqual([
      'cert-manager.io',
    ])
  })

  it.each(charts)('pin one chart exactly, and set values of it alone: $folder', (addOn) => {
    const [dependency] = addOn.chart.dependencies
    expect(addOn.chart.name).toBe(addOn.folder)
    expect(dependency.name).toBe(addOn.folder)
    expect(dependency.version).toMatch(/^\d+\.\d+\.\d+$/)
    expect(dependency.repository).toMatch(/^https:/)
    expect(Object.keys(addOn.values)).toEqual([addOn.folder])
  })

  it('act in AWS under the service accounts that Terraform gives roles to', () => {
    const namespaces = Object.fromEntries(
      [...text('Jenkinsfile').matchAll(/'([\w-]+)': '([\w-]+)'/g)].map(([, name, namespace]) => [
        name,
        namespace,
      ]),
    )
    const accounts = charts.flatMap(({ folder: name, values }) => {
      const account = values[name].serviceAccount?.name
      return account ? [`${namespaces[name]} / ${account}`] : []
    })
    // AWS's own agent is an add-on of AWS.
    expect(accounts.toSorted()).toEqual(
      rolesAccounts.filter((each) => each !== 'amazon-cloudwatch / cloudwatch-agent').toSorted(),
    )
  })
})
