import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { describe, expect, it } from '@jest/globals'
import { parseDocument } from 'yaml'
import { configSchema, readConfig } from './config.ts'

// The manifests against what they stand between: the process, its image and Terraform. What kustomize makes of them is
// held by the kubernetes stages of `npm run check:platform`.

const root = join(import.meta.dirname, '../..')
const text = (path: string) => readFileSync(join(root, path), 'utf8')

// biome-ignore lint/suspicious/noExplicitAny: manifests of many kinds, looked into at single points
type Manifest = any

const manifest = (path: string): Manifest => {
  const document = parseDocument(text(path), { strict: true })
  expect({ path, errors: document.errors, warnings: document.warnings }).toEqual({
    path,
    errors: [],
    warnings: [],
  })
  return document.toJS()
}
const base = (name: string): Manifest => manifest(`eks-workloads/kubernetes/pod/${name}.yaml`)
const own = (name: string): Manifest => manifest(`eks-workloads/gateway/kubernetes/${name}.yaml`)

const NAME = 'api-gateway'
const PORT = 3000
const settings = parseEnv(text('eks-workloads/gateway/kubernetes/settings.env'))
const dockerfile = text('eks-workloads/gateway/Dockerfile')
const pod: Manifest = base('deployment').spec.template.spec
const container: Manifest = pod.containers[0]
const ownPod: Manifest = own('deployment').spec.template.spec
const ownContainer: Manifest = ownPod.containers[0]

const VALUES: Readonly<Record<string, string>> = {
  INTERNAL_SIGNING_KEY: JSON.stringify({ kty: 'OKP', kid: 'k', d: 'd', x: 'x' }),
  KAFKA_PASSWORD: 'secret',
  KAFKA_BROKERS: 'broker:9096',
  REDIS_URL: 'rediss://cache.test:6379',
}
const VALUES_OF_POD = { REPLICA: 'api-gateway-7d9c-x1' }

/** The settings of a stage, as its overlay completes them. */
const settingsOf = (overlay: Manifest) => ({
  ...settings,
  ...parseEnv(overlay.configMapGenerator[0].literals.join('\n')),
})
/** The secrets of the pod, each with a value of its kind. */
const secrets = Object.fromEntries(
  own('external-secret').spec.data.map(({ secretKey }: Manifest) => [secretKey, VALUES[secretKey]]),
)

describe('the gateway’s name and port', () => {
  it('are one everywhere', () => {
    const names = [
      'deployment',
      'service',
      'network-policy',
      'external-secret',
      'target-group-binding',
    ]
    expect(names.map((each) => own(each).metadata.name)).toEqual(names.map(() => NAME))
    expect(container.ports[0]).toEqual({ name: 'http', containerPort: PORT, protocol: 'TCP' })
    expect(Number(settings.PORT)).toBe(PORT)
    expect(Number(settings.METRICS_PORT)).toBe(container.ports[1].containerPort)
    expect(configSchema.shape.PORT.parse(undefined)).toBe(PORT)
    expect(base('service').spec.ports[0]).toMatchObject({ port: PORT, targetPort: 'http' })
    expect(own('target-group-binding').spec.serviceRef).toEqual({ name: NAME, port: PORT })
    expect(dockerfile).toContain(`PORT=${PORT} `)
    expect(dockerfile).toContain(`EXPOSE ${PORT} ${settings.METRICS_PORT}\n`)
  })

  it('are those that the balancer of Terraform sends to, by plain HTTP within the network', () => {
    const balancers = text('terraform/modules/balancers/main.tf')
    const group = /resource "aws_lb_target_group" "gateway" \{[\s\S]*?\n\}/.exec(balancers)?.[0]
    expect(group).toMatch(/target_type = "ip"/)
    expect(group).toMatch(new RegExp(`port += ${PORT}\n`))
    expect(group).toMatch(/protocol += "HTTP"/)
    expect(group).toMatch(/path += "\/health"/)
    expect(container.livenessProbe.httpGet).toEqual({ path: '/health', port: 'http' })
    expect(container.readinessProbe.httpGet).toEqual({ path: '/ready', port: 'http' })
  })

  it('have the address of the platform’s list, outside the first of the cluster’s range', () => {
    expect(own('service').spec.clusterIP).toBe('10.100.0.1')
    expect(text('terraform/modules/cluster/variables.tf')).toContain('"10.96.0.0/12"')
  })
})

describe.each(['staging', 'prod'])('the stage %s', (stage) => {
  const overlay = manifest(`eks-workloads/kubernetes/${stage}/kustomization.yaml`)
  const terraform = text(`terraform/environments/${stage}/settings.auto.tfvars`)
  const setting = (name: string) => new RegExp(`^${name} += "(.*)"$`, 'm').exec(terraform)?.[1]

  it('has the namespace, the addresses and the names of its Terraform', () => {
    expect(overlay.namespace).toBe(`backend-${stage}`)
    expect(settingsOf(overlay)).toMatchObject({
      PUBLIC_URL: `https://${setting('domain_name')}`,
      INTERNAL_URL: `https://internal.${setting('domain_name')}`,
    })
    const registry = `${setting('account_id')}.dkr.ecr.us-east-1.amazonaws.com`
    expect(overlay.images[0]).toMatchObject({
      name: NAME,
      newName: `${registry}/learning-hub-${stage}/${NAME}`,
    })
    const patches = JSON.stringify(overlay.patches)
    expect(patches).toContain(`value: learning-hub-${stage}-gateway }`)
    expect(patches).toContain(`value: /learning-hub/${stage}/ }`)
  })

  it('gives the process an environment that it accepts, without a variable that it does not know', () => {
    const environment = { ...settingsOf(overlay), ...secrets }
    expect(() => readConfig({ ...environment, ...VALUES_OF_POD })).not.toThrow()
    const known = Object.keys(configSchema.shape)
    expect(Object.keys(environment).filter((name) => !known.includes(name))).toEqual([])
  })
})

describe('the manifests', () => {
  it('let the balancer in from the public subnets, and the pod out to what it needs in the private ones', () => {
    const [from, metrics] = own('network-policy').spec.ingress
    const [engines] = own('network-policy').spec.egress
    const cidrs = (peers: Manifest[]) => peers.map(({ ipBlock }) => ipBlock.cidr)
    const subnets = text('terraform/modules/network/variables.tf')
    const tier = (name: string) =>
      new RegExp(`${name} += \\[(.*)\\]`).exec(subnets)?.[1]?.replaceAll('"', '').split(', ')
    expect(cidrs(from.from)).toEqual(tier('public'))
    expect(cidrs(engines.to)).toEqual(tier('private'))
    expect(metrics).toEqual(base('network-policy').spec.ingress[0])
    // The internal balancer, Redis, and Kafka where it takes SCRAM (decision 0071).
    expect(engines.ports.map(({ port }: Manifest) => port)).toEqual([443, 6379, 9096])
    expect(text('terraform/modules/events/outputs.tf')).toContain('bootstrap_brokers_sasl_scram')
    expect(settings.KAFKA_USERNAME).toBeDefined()
  })

  it('leave a pod the time that its drain takes, and a service the time to answer', () => {
    const { DRAIN_DELAY_MS, DRAIN_MS_MAX, UPSTREAM_TIMEOUT_MS } = readConfig({
      ...settings,
      ...secrets,
      ...VALUES_OF_POD,
      INTERNAL_URL: 'https://internal.hub.test',
      PUBLIC_URL: 'https://hub.test',
    })
    const closeSeconds = 10
    const needed =
      container.lifecycle.preStop.sleep.seconds +
      (DRAIN_DELAY_MS + DRAIN_MS_MAX) / 1_000 +
      closeSeconds
    expect(ownPod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(needed)
    expect(DRAIN_MS_MAX).toBeGreaterThanOrEqual(UPSTREAM_TIMEOUT_MS)
    const idle = /idle_timeout_seconds = (\d+)/.exec(text('terraform/modules/balancers/main.tf'))
    expect(UPSTREAM_TIMEOUT_MS / 1_000).toBeLessThan(Number(idle?.[1]))
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
    const { runAsUser, runAsGroup } = pod.securityContext
    expect(dockerfile).toContain(`USER ${runAsUser}:${runAsGroup}\n`)
    expect(ownPod.securityContext).toBeUndefined()
    expect(ownContainer.securityContext).toBeUndefined()
    expect(ownContainer.resources.limits.memory).toBeDefined()
    expect(Object.keys(settings).join()).not.toMatch(/KEY|PASSWORD|SECRET/)
  })

  it('lose at most one replica at a time of at least two', () => {
    expect(base('pod-disruption-budget').spec.maxUnavailable).toBe(1)
    expect(base('horizontal-pod-autoscaler').spec.minReplicas).toBeGreaterThanOrEqual(2)
    const { spec } = base('deployment')
    expect(spec.strategy.rollingUpdate).toEqual({ maxSurge: 1, maxUnavailable: 0 })
    // Set here, it would undo the autoscaler at every deployment.
    expect(spec.replicas).toBeUndefined()
  })
})
