import type { Inputs } from './design/inputs.ts'
import { COMMITMENTS } from './design/inputs.ts'
import type { Sizes } from './design/sizes.ts'
import { InputError } from './inputs/yaml.ts'

/** One way to a smaller bill with the same engines. */
export type Switch = {
  readonly name: string
  readonly title: string
  /** What is given up for it, and what has to be done. */
  readonly price: string
  readonly apply: (inputs: Inputs) => Inputs
}

const withSizes = (inputs: Inputs, change: (sizes: Sizes) => Sizes): Inputs => ({
  ...inputs,
  platform: { ...inputs.platform, sizes: change(inputs.platform.sizes) },
})

export const SWITCHES: readonly Switch[] = [
  {
    name: 'reservations',
    title: 'Reserve database, cache, search and nodes for a year',
    price:
      'Paid for a year, used or not. No upfront payment. Kafka has no reservations. Functions come under a Compute Savings Plan.',
    apply: (inputs) => ({ ...inputs, commitments: COMMITMENTS }),
  },
  {
    name: 'rightsizing',
    title: 'One Redis replica a shard, read replicas half the size, no idle sandbox node',
    price:
      'A shard of Redis that loses a node has no spare until it is replaced. Analytics and reports run on two vCPUs. The first code run after a pause waits for a node.',
    apply: (inputs) =>
      withSizes(inputs, (sizes) => ({
        ...sizes,
        cache: { ...sizes.cache, replicas: Math.min(1, sizes.cache.replicas) },
        database: {
          ...sizes.database,
          replica_instance_class: halved(sizes.database.replica_instance_class),
        },
        cluster: {
          ...sizes.cluster,
          node_groups: mapValues(sizes.cluster.node_groups, (group) =>
            group.is_dedicated ? { ...group, nodes_min: 0 } : group,
          ),
        },
      })),
  },
  {
    name: 'graviton',
    title: 'Graviton for database, cache, Kafka and nodes',
    price:
      'The same engines on arm64. Pods need arm64 images. Each change is a failover or a rolling restart.',
    apply: (inputs) =>
      withSizes(inputs, (sizes) => ({
        ...sizes,
        database: {
          ...sizes.database,
          instance_class: onArm(sizes.database.instance_class),
          replica_instance_class: onArm(sizes.database.replica_instance_class),
        },
        cache: { ...sizes.cache, node_type: onArm(sizes.cache.node_type) },
        events: { ...sizes.events, instance_type: onArm(sizes.events.instance_type) },
        cluster: {
          ...sizes.cluster,
          node_groups: mapValues(sizes.cluster.node_groups, (group) => ({
            ...group,
            instance_types: group.instance_types.map(onArm),
          })),
        },
      })),
  },
  {
    name: 'log-sampling',
    title: 'Write the lines of one healthy call in ten',
    price:
      'Nine healthy traces of ten are found at the gateway alone; refusals, warnings and errors are all kept. It is the parameter logShare in serverless.yml.',
    apply: (inputs) => ({
      ...inputs,
      deployed: { ...inputs.deployed, logShare: Math.min(0.1, inputs.deployed.logShare) },
    }),
  },
  {
    name: 'broker-metrics',
    title: "Kafka's free metrics only",
    price:
      'No figures by topic and broker in CloudWatch. Lag still comes from `npm run topics -- --lag`.',
    apply: (inputs) => ({ ...inputs, platform: { ...inputs.platform, hasTopicMetrics: false } }),
  },
  {
    name: 'one-replica',
    title: 'One read replica for analytics and reports together',
    price:
      'A heavy report slows analytics. It breaks the platform’s list, which names two; no service reads from either yet.',
    apply: (inputs) =>
      withSizes(inputs, (sizes) => ({
        ...sizes,
        database: { ...sizes.database, replicas: sizes.database.replicas.slice(0, 1) },
      })),
  },
  {
    name: 'one-nat',
    title: 'One NAT gateway instead of one a zone',
    price:
      'The loss of its zone cuts all zones off from the internet, and so from mail and encoding. It breaks the platform’s list.',
    apply: (inputs) =>
      withSizes(inputs, (sizes) => ({
        ...sizes,
        network: { ...sizes.network, nat_gateways: Math.min(1, sizes.network.nat_gateways) },
      })),
  },
]

const mapValues = <V>(record: Readonly<Record<string, V>>, change: (value: V) => V) =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]))

const HALF: Readonly<Record<string, string>> = {
  'db.r5.xlarge': 'db.r5.large',
  'db.r6g.xlarge': 'db.r6g.large',
}
const halved = (instance: string) => HALF[instance] ?? instance

const ARM: Readonly<Record<string, string>> = {
  'db.r5.large': 'db.r6g.large',
  'db.r5.xlarge': 'db.r6g.xlarge',
  'cache.r5.large': 'cache.r6g.large',
  'kafka.m5.large': 'kafka.m7g.large',
  'm6i.large': 'm7g.large',
}
const onArm = (instance: string) => ARM[instance] ?? instance

/** @param names as `--with` takes them. @throws InputError naming the first that there is not. */
export const switchOn = (inputs: Inputs, names: readonly string[]): Inputs =>
  names.reduce((changed, name) => {
    const found = SWITCHES.find((each) => each.name === name)
    if (!found) {
      const known = SWITCHES.map((each) => each.name).join(', ')
      throw new InputError(`There is no switch ${name}; there are ${known}.`)
    }
    return { ...found.apply(changed), switches: [...changed.switches, name] }
  }, inputs)
