import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { freePort } from '../../../local/free-port.ts'
import { engineFolder } from '../../support/engines/folder.ts'
import { type EngineProcess, startEngine } from '../../support/engines/process.ts'
import { goModuleFolder, run } from '../../support/engines/toolbox.ts'
import { clusterPrograms, KWOK } from './programs.ts'

/** An image that no node can get: its pods stay pending. */
export const MISSING_IMAGE = 'registry.invalid/api-gateway:missing'
/** As in terraform/modules/cluster. */
const SERVICE_CIDR = '10.96.0.0/12'
export const ZONES = ['us-east-1a', 'us-east-1b', 'us-east-1c'] as const

export type Cluster = {
  /** @returns what it printed. @throws an Error with its last lines. */
  kubectl(args: readonly string[]): Promise<string>
  /** Writes an object, or several, where `kubectl -f` can read them. @returns the path. */
  file(name: string, ...objects: readonly unknown[]): Promise<string>
  /** The kubelet of every node: while it is paused, no pod starts or ends. */
  readonly kubelet: EngineProcess
  stop(): Promise<void>
}

/**
 * A real API server with etcd, controllers and scheduler, and three nodes in as many zones, whose kubelets are kwok's:
 * pods become ready without a container, unless their image is `MISSING_IMAGE`.
 */
export const startCluster = async (): Promise<Cluster> => {
  const programs = await clusterPrograms()
  const folder = await engineFolder('cluster')
  const path = (name: string) => join(folder.path, name)
  const running: EngineProcess[] = []
  const start = async (program: string, args: readonly string[], ready: () => unknown) => {
    const engine = await startEngine({ program, args, ready })
    running.push(engine)
    return engine
  }
  const kubectl = (args: readonly string[]) =>
    run(programs.kubectl, ['--kubeconfig', path('kubeconfig'), ...args])
  const file = async (name: string, ...objects: readonly unknown[]) => {
    const [only, ...more] = objects
    const list = { apiVersion: 'v1', kind: 'List', items: objects }
    await writeFile(path(name), JSON.stringify(more.length === 0 ? only : list))
    return path(name)
  }
  const stop = async () => {
    for (const engine of running.toReversed()) await engine.kill()
    await folder.remove()
  }
  try {
    const etcd = await startEtcd({ start, program: programs.etcd, data: path('etcd') })
    const port = await freePort()
    await writeCredentials(path, port)
    await start(programs.apiServer, apiServerArgs({ etcd, port, path }), () =>
      kubectl(['get', '--raw', '/readyz']),
    )
    const client = ['--kubeconfig', path('kubeconfig')]
    const alone = [...client, '--leader-elect=false', '--secure-port=0']
    await start(programs.controllerManager, [...alone, ...controllerArgs(path)], () => {})
    await start(programs.scheduler, alone, () => {})
    const stages = await kubeletStages(path)
    const kubelet = await start(
      programs.kwok,
      [...client, '--manage-all-nodes=true', '--server-address=', ...stages],
      () => {},
    )
    await kubectl(['create', '-f', await file('nodes.json', ...ZONES.map(nodeIn))])
    await kubectl(['wait', '--for=condition=Ready', 'node', '--all', '--timeout=60s'])
    return { kubectl, file, kubelet, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

type Start = (
  program: string,
  args: readonly string[],
  ready: () => unknown,
) => Promise<EngineProcess>

const startEtcd = async ({
  start,
  program,
  data,
}: {
  start: Start
  program: string
  data: string
}): Promise<string> => {
  const client = `http://127.0.0.1:${await freePort()}`
  const peer = `http://127.0.0.1:${await freePort()}`
  const args = [
    ...['--data-dir', data, '--listen-client-urls', client, '--advertise-client-urls', client],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
    ...['--initial-cluster', `default=${peer}`],
  ]
  await start(program, args, async () => {
    const { ok } = await fetch(`${client}/health`)
    if (!ok) throw new Error('etcd is not healthy')
  })
  return client
}

type Path = (name: string) => string

const writeCredentials = async (path: Path, port: number) => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  await writeFile(path('sa.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const token = randomUUID()
  await writeFile(path('tokens.csv'), `${token},admin,1,system:masters\n`)
  await writeFile(
    path('kubeconfig'),
    stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'check',
      clusters: [
        {
          name: 'check',
          cluster: { server: `https://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true },
        },
      ],
      users: [{ name: 'admin', user: { token } }],
      contexts: [{ name: 'check', context: { cluster: 'check', user: 'admin' } }],
    }),
  )
}

const apiServerArgs = ({ etcd, port, path }: { etcd: string; port: number; path: Path }) => [
  ...[`--etcd-servers=${etcd}`, `--secure-port=${port}`, `--cert-dir=${path('certificates')}`],
  ...['--bind-address=127.0.0.1', '--advertise-address=127.0.0.1'],
  ...['--endpoint-reconciler-type=none', `--service-cluster-ip-range=${SERVICE_CIDR}`],
  ...['--service-account-issuer=https://localhost', '--authorization-mode=RBAC'],
  `--service-account-key-file=${path('sa.key')}`,
  `--service-account-signing-key-file=${path('sa.key')}`,
  `--token-auth-file=${path('tokens.csv')}`,
]

const controllerArgs = (path: Path) => [
  `--service-account-private-key-file=${path('sa.key')}`,
  '--horizontal-pod-autoscaler-sync-period=1s',
  // The nodes' heartbeats are not what is tried here.
  '--node-monitor-grace-period=1h',
]

/** kwok's own rules, and that a pod with the image that is missing does not start. */
const kubeletStages = async (path: Path): Promise<readonly string[]> => {
  const rules = join(await goModuleFolder(KWOK), 'kustomize', 'stage')
  const ready = parse(await readFile(join(rules, 'pod/fast/pod-ready.yaml'), 'utf8'))
  ready.spec.selector.matchExpressions.push({
    key: '.spec.containers.[].image',
    operator: 'NotIn',
    values: [MISSING_IMAGE],
  })
  await writeFile(path('pod-ready.yaml'), stringify(ready))
  return [
    join(rules, 'node/fast/node-initialize.yaml'),
    join(rules, 'pod/fast/pod-delete.yaml'),
    path('pod-ready.yaml'),
  ].map((rule) => `--config=${rule}`)
}

const nodeIn = (zone: string) => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {
    name: `node-${zone}`,
    labels: { 'topology.kubernetes.io/zone': zone, 'kubernetes.io/hostname': `node-${zone}` },
  },
})
