import { type Formula, fixed, largest, named, over, plus, times } from '../../bill/formula.ts'
import { type Line, sharedLine } from '../../bill/line.ts'
import { load } from '../../inputs/scenario.ts'
import { type Inputs, packaged } from '../inputs.ts'
import { MONTH_HOURS, MONTH_SECONDS } from '../month.ts'
import { made, size } from '../sizes.ts'
import type { Volumes } from '../volumes.ts'

const KB_PER_GB = fixed('KB of a GB', 1_048_576, 'KB')
// What one LCU covers (AWS's text on Application Load Balancer pricing).
const LCU_CONNECTIONS = fixed('new connections of an LCU', 25, 'a second', 'ALB pricing')
const LCU_GB = fixed('GB an hour of an LCU to pods', 1, 'GB', 'ALB pricing')
const LCU_LAMBDA_GB = fixed('GB an hour of an LCU to Lambda', '0.4', 'GB', 'ALB pricing')
const LCU_RULES = fixed('rules a second of an LCU', 1_000, 'evaluations', 'ALB pricing')
const RULES_FREE = 10

/** Gateways, balancers, addresses and what travels. */
export const networkLines = (inputs: Inputs, volumes: Volumes): readonly Line[] => {
  const { prices, platform, scenario, assumptions } = inputs
  const requests = volumes.gatewayRequests
  const line = (service: string, id: string, title: string, cost: Line['cost']): Line =>
    sharedLine('network', service, id, title, cost)
  const gateways = size(platform, 'NAT gateways', platform.sizes.network.nat_gateways, 'gateways')
  const nodes = Object.values(platform.sizes.cluster.node_groups).reduce(
    (sum, group) => sum + group.nodes_min,
    0,
  )
  const throughNat = named(
    'GB through NAT',
    'GB',
    plus(
      over(times(volumes.events, assumptions.of('natKbPerEvent')), KB_PER_GB),
      over(times(load(scenario, 'mails'), assumptions.of('natKbPerMail')), KB_PER_GB),
      times(size(platform, 'nodes', nodes, 'nodes'), assumptions.of('natGbPerNode')),
    ),
  )
  return [
    line(
      'AmazonEC2',
      'nat.hours',
      'NAT gateways',
      times(gateways, MONTH_HOURS, prices.of('nat.hours')),
    ),
    line('AmazonEC2', 'nat.data', 'Through NAT gateways', times(throughNat, prices.of('nat.data'))),
    line(
      'AmazonVPC',
      'ipv4',
      'Public addresses',
      times(
        made('public addresses', platform.publicAddresses, 'addresses'),
        MONTH_HOURS,
        prices.of('ipv4.hours'),
      ),
    ),
    line(
      'AWSELB',
      'alb.hours',
      'Balancers',
      times(
        made('balancers', platform.balancers, 'balancers'),
        MONTH_HOURS,
        prices.of('alb.hours'),
      ),
    ),
    line(
      'AWSELB',
      'alb.public',
      'Traffic of the public balancer',
      lcus(inputs, publicLcus(inputs, requests)),
    ),
    line(
      'AWSELB',
      'alb.internal',
      'Traffic of the internal balancer',
      lcus(inputs, internalLcus(inputs, requests)),
    ),
    line(
      'AWSDataTransfer',
      'transfer.internet',
      'Answers to the internet',
      times(gb(requests, assumptions.of('answerKb')), prices.of('transfer.internet')),
    ),
    line(
      'AWSDataTransfer',
      'transfer.zones',
      'Events between zones, each way',
      times(
        gb(volumes.events, assumptions.of('eventKb')),
        fixed(
          'both ways, written once and read by consumers',
          4,
          'times',
          'two thirds of clients sit in another zone',
        ),
        prices.of('transfer.zones'),
      ),
    ),
    line(
      'AmazonRoute53',
      'route53.zone',
      'Zone of the domain',
      times(made('zones', 1, 'zones'), prices.of('route53.zone')),
    ),
  ]
}

const gb = (count: Formula, kb: Formula) => over(times(count, kb), KB_PER_GB)

const perSecond = (count: Formula) => over(count, MONTH_SECONDS)

const carried = ({ assumptions }: Inputs, requests: Formula) =>
  named(
    'GB an hour',
    'GB',
    over(gb(requests, plus(assumptions.of('requestKb'), assumptions.of('answerKb'))), MONTH_HOURS),
  )

const connections = ({ assumptions }: Inputs, requests: Formula) =>
  over(over(perSecond(requests), assumptions.of('callsPerConnection')), LCU_CONNECTIONS)

const publicLcus = (inputs: Inputs, requests: Formula) =>
  largest(connections(inputs, requests), over(carried(inputs, requests), LCU_GB))

/** The gateway keeps its connections; rules beyond ten are counted for every request, the dearest case. */
const internalLcus = (inputs: Inputs, requests: Formula) =>
  largest(
    connections(inputs, requests),
    over(carried(inputs, requests), LCU_LAMBDA_GB),
    over(
      times(
        perSecond(requests),
        packaged(
          'rules beyond ten',
          Math.max(0, inputs.deployed.listenerRules - RULES_FREE),
          'rules',
        ),
      ),
      LCU_RULES,
    ),
  )

/** On the month's average: what a busy hour takes beyond it, a quiet one does not. */
const lcus = ({ prices }: Inputs, units: ReturnType<typeof largest>) =>
  times(named('LCUs', 'LCUs', units), MONTH_HOURS, prices.of('alb.lcu'))
