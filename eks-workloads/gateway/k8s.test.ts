import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { parseDocument } from 'yaml'
import { configSchema, readConfig } from './config.ts'

// The manifests against the code that they run: what neither YAML nor Kubernetes would notice.
const folder = join(import.meta.dirname, 'k8s')

// biome-ignore lint/suspicious/noExplicitAny: manifests of eight kinds, looked into at single points
type Manifest = any

const manifests = new Map<string, Manifest>(
  readdirSync(folder).map((file) => {
    const document = parseDocument(readFileSync(join(folder, file), 'utf8'), { strict: true })
    expect({ file, errors: document.errors, warnings: document.warnings }).toEqual({
      file,
      errors: [],
      warnings: [],
    })
    const manifest: Manifest = document.toJS()
    return [manifest.kind, manifest]
  }),
)

const deployment: Manifest = manifests.get('Deployment')
const pod: Manifest = deployment.spec.template.spec
const container: Manifest = pod.containers[0]
const settings: Record<string, string> = manifests.get('ConfigMap').data

const SECRETS = {
  INTERNAL_SIGNING_KEY: JSON.stringify({ kty: 'OKP', kid: 'k', d: 'd', x: 'x' }),
  KAFKA_BROKERS: 'broker:9096',
  REPLICA: 'gateway-7d9c-x1',
}

describe('the manifests', () => {
  it('are one of each kind, all of one name and namespace', () => {
    expect([...manifests.keys()].sort()).toEqual([
      'ConfigMap',
      'Deployment',
      'HorizontalPodAutoscaler',
      'NetworkPolicy',
      'PodDisruptionBudget',
      'Service',
      'ServiceAccount',
    ])
    for (const { metadata } of manifests.values())
      expect(metadata).toMatchObject({ name: 'gateway', namespace: 'learning-hub' })
  })

  it('give the process an environment that it accepts, without a variable that it does not know', () => {
    expect(() => readConfig({ ...settings, ...SECRETS })).not.toThrow()
    const known = Object.keys(configSchema.shape)
    expect(Object.keys(settings).filter((name) => !known.includes(name))).toEqual([])
  })

  it('select the pods that they mean', () => {
    const { labels } = deployment.spec.template.metadata
    const selectors = [
      deployment.spec.selector.matchLabels,
      manifests.get('Service').spec.selector,
      manifests.get('PodDisruptionBudget').spec.selector.matchLabels,
      manifests.get('NetworkPolicy').spec.podSelector.matchLabels,
      ...pod.topologySpreadConstraints.map((each: Manifest) => each.labelSelector.matchLabels),
    ]
    for (const selector of selectors) expect(labels).toMatchObject(selector)
    expect(manifests.get('HorizontalPodAutoscaler').spec.scaleTargetRef).toMatchObject({
      kind: 'Deployment',
      name: deployment.metadata.name,
    })
  })

  it('open the ports that the process listens on, under names that exist', () => {
    const ports = new Map(
      container.ports.map((port: Manifest) => [port.name, String(port.containerPort)]),
    )
    expect(ports.get('http')).toBe(settings.PORT)
    expect(ports.get('metrics')).toBe(settings.METRICS_PORT)
    for (const { targetPort } of manifests.get('Service').spec.ports)
      expect([...ports.keys()]).toContain(targetPort)
    for (const { ports: allowed } of manifests.get('NetworkPolicy').spec.ingress)
      for (const { port } of allowed) expect([...ports.keys()]).toContain(port)
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'])
      expect(container[probe].httpGet.port).toBe('http')
    expect(container.livenessProbe.httpGet.path).toBe('/health')
    expect(container.readinessProbe.httpGet.path).toBe('/ready')
  })

  it('leave a pod the time that its drain takes', () => {
    const { DRAIN_DELAY_MS, DRAIN_MS_MAX } = readConfig({ ...settings, ...SECRETS })
    const closeSeconds = 10
    const needed =
      container.lifecycle.preStop.sleep.seconds +
      (DRAIN_DELAY_MS + DRAIN_MS_MAX) / 1_000 +
      closeSeconds
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(needed)
  })

  it('run it without root, capabilities, a writable disk or a token of the cluster', () => {
    expect(pod).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    })
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    expect(container.resources.limits.memory).toBeDefined()
    expect(JSON.stringify(settings)).not.toMatch(/KEY|PASSWORD|SECRET/)
  })

  it('lose at most one replica at a time of at least two', () => {
    expect(manifests.get('PodDisruptionBudget').spec.maxUnavailable).toBe(1)
    expect(manifests.get('HorizontalPodAutoscaler').spec.minReplicas).toBeGreaterThanOrEqual(2)
    expect(deployment.spec.strategy.rollingUpdate.maxUnavailable).toBe(0)
    // Set here, it would undo the autoscaler at every deployment.
    expect(deployment.spec.replicas).toBeUndefined()
  })
})
