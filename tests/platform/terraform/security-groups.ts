import type { Resource } from './resources.ts'
import type { Row } from './row.ts'

/**
 * Every way into a group, written out: the platform's list, and nothing else is open. What the list does not name but
 * the platform cannot do without has its reason beside it.
 */
const WAYS_IN = {
  'ALB: 443 from anywhere': ['alb < tcp 443 0.0.0.0/0'],
  'EKS: 3000-3037 from ALB': ['eks < tcp 3000-3037 alb'],
  'EKS: all within': ['eks < all eks'],
  'RDS: 5432 from EKS and Lambda': ['rds < tcp 5432 eks', 'rds < tcp 5432 functions'],
  'RDS: 5432 from its proxy, which stands in the same group': ['rds < tcp 5432 rds'],
  'ElastiCache: 6379': ['cache < tcp 6379 eks', 'cache < tcp 6379 functions'],
  'MSK: 9092, 9094, 9098': [9092, 9094, 9098].flatMap((port) => [
    `msk < tcp ${port} eks`,
    `msk < tcp ${port} functions`,
  ]),
  'MSK: 9096, where it speaks SCRAM with publisher and gateway': [
    'msk < tcp 9096 eks',
    'msk < tcp 9096 functions',
  ],
  'MSK: 9098 from Lambda’s pollers, which take its group': ['msk < tcp 9098 msk'],
  'OpenSearch: 443 from EKS and Lambda': ['search < tcp 443 eks', 'search < tcp 443 functions'],
  'internal ALB: 443 from EKS and Lambda': [
    'internal-alb < tcp 443 eks',
    'internal-alb < tcp 443 functions',
  ],
} as const satisfies Readonly<Record<string, readonly string[]>>

/** The ways out that are no mirror of a way in. */
const WAYS_OUT = [
  // The list: 3000 to EKS.
  'alb > tcp 3000 eks',
  ...['eks', 'functions', 'msk'].map((group) => `${group} > tcp 443 0.0.0.0/0`),
]

const ALL_IN: readonly string[] = Object.values(WAYS_IN).flat()

const mirrored = ALL_IN.filter((way) => !way.endsWith('0.0.0.0/0') && !way.endsWith(' alb')).map(
  (way) => way.replace(/^(\S+) < (.*) (\S+)$/, '$3 > $2 $1'),
)

const ALL_OUT: readonly string[] = [...WAYS_OUT, ...mirrored]

const BREAKING = ['an open port', 'a rule in the group itself'] as const

/** The list line by line, and once more as a whole. */
export const securityGroupRows: readonly Row[] = [
  ...Object.entries(WAYS_IN).map(
    ([line, ways]): Row => ({
      line,
      stages: ['staging', 'prod'],
      reads: 'state',
      complaints: (resources) => {
        const open = waysOf(resources, 'ingress')
        return ways.filter((way) => !open.includes(way)).map((way) => `closed: ${way}`)
      },
      breaks: (resources) => {
        const [way] = ways
        const index = resources.findIndex((each) => wayOf(resources, each, 'ingress') === way)
        resources.splice(index, 1)
      },
    }),
  ),
  ...BREAKING.map(
    (how): Row => ({
      line: `nothing else is open in any group (${how})`,
      stages: ['staging', 'prod'],
      reads: 'state',
      complaints: (resources) => [
        ...beyond(waysOf(resources, 'ingress'), ALL_IN),
        ...beyond(waysOf(resources, 'egress'), ALL_OUT),
        ...inlineRules(resources),
      ],
      breaks: (resources) => {
        const group = resources.find(({ type }) => type === 'aws_security_group')
        if (how === 'a rule in the group itself' && group)
          group.values.ingress = [{ from_port: 22, to_port: 22, cidr_blocks: ['0.0.0.0/0'] }]
        else resources.push(openPort(resources))
      },
    }),
  ),
]

const openPort = (resources: readonly Resource[]): Resource => {
  const rule = resources.find(({ type }) => type === 'aws_vpc_security_group_ingress_rule')
  return {
    address: 'module.network.aws_vpc_security_group_ingress_rule.planted',
    type: 'aws_vpc_security_group_ingress_rule',
    values: {
      ...rule?.values,
      ...{ ip_protocol: 'tcp', from_port: 22, to_port: 22 },
      ...{ cidr_ipv4: '0.0.0.0/0', referenced_security_group_id: null },
    },
  }
}

const beyond = (found: readonly string[], allowed: readonly string[]): readonly string[] =>
  found.filter((way) => !allowed.includes(way)).map((way) => `open: ${way}`)

type Direction = 'ingress' | 'egress'

const waysOf = (resources: readonly Resource[], direction: Direction): readonly string[] =>
  resources.flatMap((resource) => wayOf(resources, resource, direction) ?? [])

/** `rds < tcp 5432 eks`: into rds, from eks; `>` is out. */
const wayOf = (
  resources: readonly Resource[],
  { type, values }: Resource,
  direction: Direction,
): string | undefined => {
  if (type !== `aws_vpc_security_group_${direction}_rule`) return undefined
  const groupOf = (id: unknown) => {
    const group = resources.find((each) => each.values.id === id)
    return String(group?.address).replace(/^.*\["(.*)"\]$/, '$1')
  }
  const other = values.referenced_security_group_id
    ? groupOf(values.referenced_security_group_id)
    : String(values.cidr_ipv4 || values.cidr_ipv6 || values.prefix_list_id)
  const { from_port: from, to_port: to } = values
  const ports = from === to ? `${from}` : `${from}-${to}`
  const what = values.ip_protocol === '-1' ? 'all' : `${values.ip_protocol} ${ports}`
  return `${groupOf(values.security_group_id)} ${direction === 'ingress' ? '<' : '>'} ${what} ${other}`
}

/** Rules can also be written into a group, or as resources of an older kind: there are none of these. */
const inlineRules = (resources: readonly Resource[]): readonly string[] => [
  ...resources
    .filter(({ type }) => /^aws_(default_)?security_group$/.test(type))
    .filter(({ values }) => isFilled(values.ingress) || isFilled(values.egress))
    .map(({ address }) => `${address} holds rules itself`),
  ...resources
    .filter(({ type }) => type === 'aws_security_group_rule')
    .map(({ address }) => `${address} is a rule of the older kind`),
]

const isFilled = (value: unknown): boolean => Array.isArray(value) && value.length > 0
