import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { eventually } from '../../support/eventually.ts'
import { type Cluster, MISSING_IMAGE, startCluster, ZONES } from './cluster.ts'
import { definitions } from './definitions.ts'
import { type Manifest, manifestsOf, oneOf } from './manifests.ts'

// The manifests in a real cluster: what its server refuses, and what its controllers make of them. Tests stand on each
// other, in their order.

const NAME = 'api-gateway'
const SPACE = 'backend-prod'
const DEPLOYMENT = `deployment/${NAME}`
/** Time for controllers on a busy machine. */
const PATIENT = { timeoutMs: 60_000 }

let cluster: Cluster
let prod: readonly Manifest[]

const kubectl = (...args: readonly string[]) => cluster.kubectl(['--namespace', SPACE, ...args])
const read = async (...args: readonly string[]): Promise<Manifest> =>
  JSON.parse(await kubectl('get', ...args, '--output', 'json'))
const livePods = async (): Promise<readonly Manifest[]> => {
  const { items } = await read('pods', '--selector', `app.kubernetes.io/name=${NAME}`)
  return items.filter(({ metadata }: Manifest) => !metadata.deletionTimestamp)
}
const strictly = ['--validate=strict'] as const

beforeAll(async () => {
  cluster = await startCluster()
  prod = await manifestsOf('prod')
  const { files, objects } = await definitions()
  const own = await cluster.file('definitions.json', ...objects)
  for (const file of [...files, own]) await cluster.kubectl(['create', '--filename', file])
  await cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s'])
}, 300_000)
afterAll(() => cluster?.stop())

describe('the server', () => {
  it('accepts every object of staging', async () => {
    const staging = await manifestsOf('staging')
    const space = await cluster.file(
      'namespace.json',
      oneOf(staging, 'Namespace', 'backend-staging'),
    )
    await cluster.kubectl(['apply', '--filename', space])
    const file = await cluster.file('staging.json', ...staging)
    await cluster.kubectl(['apply', '--dry-run=server', ...strictly, '--filename', file])
  })

  it('accepts every object of prod', async () => {
    const file = await cluster.file('prod.json', ...prod)
    await cluster.kubectl(['apply', ...strictly, '--filename', file])
    const service = await read('service', NAME)
    expect(service.spec.clusterIP).toBe('10.100.0.1')
    expect(service.spec.ports[0].port).toBe(3000)
  })

  const refused: readonly [string, string, string, (spec: Manifest) => void, string][] = [
    [
      'a secret of a misspelt field',
      'ExternalSecret',
      NAME,
      (spec) => {
        spec.data[0].remoteReff = spec.data[0].remoteRef
      },
      'remoteReff',
    ],
    [
      'a store of no kind that exists',
      'SecretStore',
      'parameters',
      (spec) => {
        spec.provider.aws.service = 'Parameters'
      },
      'Unsupported value',
    ],
    [
      'more at least than at most',
      'HorizontalPodAutoscaler',
      NAME,
      (spec) => {
        spec.minReplicas = 99
      },
      'maxReplicas',
    ],
    [
      'two ways to keep pods',
      'PodDisruptionBudget',
      NAME,
      (spec) => {
        spec.minAvailable = 1
      },
      'minAvailable',
    ],
    [
      'a network that is none',
      'NetworkPolicy',
      NAME,
      (spec) => {
        spec.ingress[0].from[0].ipBlock.cidr = '10.0.1.0/99'
      },
      'ipBlock.cidr',
    ],
    [
      'a request above the limit',
      'Deployment',
      NAME,
      (spec) => {
        spec.template.spec.containers[0].resources.requests.memory = '1Gi'
      },
      'must be less than or equal to memory limit',
    ],
  ]

  it.each(refused)('refuses %s', async (_, kind, name, breaks, reason) => {
    const broken = structuredClone(oneOf(prod, kind, name))
    breaks(broken.spec)
    const file = await cluster.file('broken.json', broken)
    const apply = kubectl('apply', '--dry-run=server', ...strictly, '--filename', file)
    await expect(apply).rejects.toThrow(reason)
  })

  it('refuses a pod of root in the namespace', async () => {
    const run = kubectl('run', 'root', '--image=root', '--dry-run=server')
    await expect(run).rejects.toThrow('violates PodSecurity "restricted')
  })
})

describe('the gateway', () => {
  it('rolls out, to as many replicas as its autoscaler wants, one in each zone', async () => {
    await eventually(async () => {
      const { status } = await read(DEPLOYMENT)
      expect(status).toMatchObject({ replicas: 3, readyReplicas: 3, availableReplicas: 3 })
    }, PATIENT)
    await kubectl('rollout', 'status', DEPLOYMENT, '--timeout=60s')
    const nodes = (await livePods()).map(({ spec }) => spec.nodeName)
    expect(nodes.toSorted()).toEqual(ZONES.map((zone) => `node-${zone}`))
  })

  it('is found behind its service', async () => {
    await eventually(async () => {
      const slices = await read(
        'endpointslices',
        '--selector',
        `kubernetes.io/service-name=${NAME}`,
      )
      const [slice] = slices.items
      expect(slice.endpoints).toHaveLength(3)
      expect(slice.ports.map(({ port }: Manifest) => port).toSorted()).toEqual([3000, 9090])
    }, PATIENT)
  })

  it('is scaled by an autoscaler that has found it', async () => {
    await eventually(async () => {
      const { conditions } = (await read('hpa', NAME)).status
      expect(conditions).toContainEqual(
        expect.objectContaining({ type: 'AbleToScale', status: 'True' }),
      )
    }, PATIENT)
  })

  it('rolls back from an image that no node can get, and serves with all replicas meanwhile', async () => {
    const image = async () => (await read(DEPLOYMENT)).spec.template.spec.containers[0].image
    const before = await image()
    // A shorter patience than production's; it must be above minReadySeconds.
    await kubectl('patch', DEPLOYMENT, '--patch', '{"spec":{"progressDeadlineSeconds":8}}')
    await kubectl('set', 'image', DEPLOYMENT, `server=${MISSING_IMAGE}`)
    const rollout = kubectl('rollout', 'status', DEPLOYMENT, '--timeout=90s')
    await expect(rollout).rejects.toThrow('exceeded its progress deadline')
    const { status } = await read(DEPLOYMENT)
    expect(status).toMatchObject({ availableReplicas: 3, unavailableReplicas: 1 })
    await kubectl('rollout', 'undo', DEPLOYMENT)
    await kubectl('rollout', 'status', DEPLOYMENT, '--timeout=90s')
    expect(await image()).toBe(before)
  })

  it('is never drained of more than one replica at a time', async () => {
    await eventually(async () => {
      const { status } = await read('pdb', NAME)
      expect(status).toMatchObject({ expectedPods: 3, currentHealthy: 3, disruptionsAllowed: 1 })
    }, PATIENT)
    const [first, second] = await livePods()
    // The replacement can not start.
    cluster.kubelet.pause()
    try {
      await evict(first)
      await expect(evict(second)).rejects.toThrow('disruption budget')
    } finally {
      cluster.kubelet.resume()
    }
    await eventually(async () => {
      expect((await read('pdb', NAME)).status.currentHealthy).toBe(3)
    }, PATIENT)
  })
})

const evict = async ({ metadata: { name } }: Manifest) => {
  const file = await cluster.file('eviction.json', {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name, namespace: SPACE },
  })
  const path = `/api/v1/namespaces/${SPACE}/pods/${name}/eviction`
  return cluster.kubectl(['create', '--raw', path, '--filename', file])
}
