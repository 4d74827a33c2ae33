import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { stringify } from 'yaml'
import { engineFolder } from '../../support/engines/folder.ts'
import { type PythonPackages, pythonPackages, run } from '../../support/engines/toolbox.ts'
import { type Manifest, manifestsOf, oneOf, STAGES } from './manifests.ts'

// What kustomize makes of eks-workloads/kubernetes, and the schemas of the version that Terraform asks EKS for.

const root = fileURLToPath(new URL('../../..', import.meta.url))
const NAME = 'api-gateway'

let validator: PythonPackages
let folder: Awaited<ReturnType<typeof engineFolder>>

beforeAll(async () => {
  validator = await pythonPackages('kubernetes-validate', ['kubernetes-validate==1.37.0'])
  folder = await engineFolder('manifests')
}, 120_000)
afterAll(() => folder.remove())

/** Kinds that operators bring have no schema here: the cluster checks them. */
const isBuiltIn = ({ apiVersion }: Manifest) =>
  !apiVersion.includes('.') || apiVersion.includes('.k8s.io/')

const validate = async (stage: string, manifests: readonly Manifest[]) => {
  const sizes = await readFile(
    join(root, 'terraform/environments', stage, 'sizes.auto.tfvars.json'),
    'utf8',
  )
  const version = JSON.parse(sizes).sizes.cluster.kubernetes_version
  const file = join(folder.path, `${stage}.yaml`)
  await writeFile(file, manifests.map((each) => stringify(each)).join('---\n'))
  const args = ['-m', 'kubernetes_validate', '--strict', '--kubernetes-version', version, file]
  return run(validator.python, args, { PYTHONPATH: validator.folder })
}

describe.each(STAGES)('the manifests of %s', (stage) => {
  let manifests: readonly Manifest[]

  beforeAll(async () => {
    manifests = await manifestsOf(stage)
  }, 120_000)

  it('are what the gateway and its namespace need, and stand in it', () => {
    const named = manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`)
    expect(named.map((each) => each.replace(/-[a-z0-9]{10}$/, '-HASH')).toSorted()).toEqual([
      'ConfigMap api-gateway-HASH',
      'Deployment api-gateway',
      'ExternalSecret api-gateway',
      'HorizontalPodAutoscaler api-gateway',
      `Namespace backend-${stage}`,
      'NetworkPolicy api-gateway',
      'NetworkPolicy default-deny',
      'NetworkPolicy dns',
      'PodDisruptionBudget api-gateway',
      'SecretStore parameters',
      'SecretStore secrets-manager',
      'Service api-gateway',
      'ServiceAccount api-gateway',
      'TargetGroupBinding api-gateway',
    ])
    const spaces = manifests.filter(({ kind }) => kind !== 'Namespace')
    expect(new Set(spaces.map(({ metadata }) => metadata.namespace))).toEqual(
      new Set([`backend-${stage}`]),
    )
  })

  it('select the pods that they mean, and no other', () => {
    const deployment = oneOf(manifests, 'Deployment', NAME)
    const { labels } = deployment.spec.template.metadata
    const selectors = [
      deployment.spec.selector.matchLabels,
      oneOf(manifests, 'Service', NAME).spec.selector,
      oneOf(manifests, 'PodDisruptionBudget', NAME).spec.selector.matchLabels,
      oneOf(manifests, 'NetworkPolicy', NAME).spec.podSelector.matchLabels,
      ...deployment.spec.template.spec.topologySpreadConstraints.map(
        (each: Manifest) => each.labelSelector.matchLabels,
      ),
    ]
    for (const selector of selectors) {
      expect(selector).toEqual({ 'app.kubernetes.io/name': NAME })
      expect(labels).toMatchObject(selector)
    }
  })

  it('refer to each other by the names that they have', () => {
    const pod = oneOf(manifests, 'Deployment', NAME).spec.template.spec
    const [settings, secret] = pod.containers[0].envFrom
    expect(oneOf(manifests, 'ConfigMap', settings.configMapRef.name)).toBeDefined()
    expect(oneOf(manifests, 'ServiceAccount', pod.serviceAccountName)).toBeDefined()
    const external = oneOf(manifests, 'ExternalSecret', NAME).spec
    expect(external.target.name).toBe(secret.secretRef.name)
    const stores = [external.secretStoreRef, ...external.data.map(storeOf)].filter(Boolean)
    for (const { kind, name } of stores) expect(oneOf(manifests, kind, name)).toBeDefined()
    const { scaleTargetRef } = oneOf(manifests, 'HorizontalPodAutoscaler', NAME).spec
    expect(oneOf(manifests, scaleTargetRef.kind, scaleTargetRef.name)).toBeDefined()
  })

  it('deny all traffic that no policy allows', () => {
    expect(oneOf(manifests, 'NetworkPolicy', 'default-deny').spec).toEqual({
      podSelector: {},
      policyTypes: ['Ingress', 'Egress'],
    })
  })

  it('satisfy the schemas of their version of Kubernetes', async () => {
    await validate(stage, manifests.filter(isBuiltIn))
  })

  it.each([
    ['a field that does not exist', { replica: 3 }],
    ['a value of another type', { minReadySeconds: 'five' }],
  ])('would be refused by them with %s', async (_, change) => {
    const deployment = structuredClone(oneOf(manifests, 'Deployment', NAME))
    Object.assign(deployment.spec, change)
    await expect(validate(stage, [deployment])).rejects.toThrow(Object.keys(change)[0] ?? '')
  })
})

const storeOf = ({ sourceRef }: Manifest) => sourceRef?.storeRef
