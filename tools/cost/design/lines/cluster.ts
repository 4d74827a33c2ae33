import { fixed, largest, named, over, plus, times, whole } from '../../bill/formula.ts'
import type { Line } from '../../bill/line.ts'
import { peakRate } from '../../inputs/scenario.ts'
import { committed, type Inputs } from '../inputs.ts'
import { MONTH_HOURS } from '../month.ts'
import { size } from '../sizes.ts'

/** EKS and its nodes: what stays of Kubernetes when services are functions. */
export const clusterLines = (inputs: Inputs): readonly Line[] => {
  const { prices, platform, scenario, assumptions } = inputs
  const common = { component: 'kubernetes', group: 'shared' } as const
  const groups = Object.entries(platform.sizes.cluster.node_groups)
  return [
    {
      ...common,
      id: 'eks.cluster',
      title: 'EKS control plane',
      service: 'AmazonEKS',
      cost: named('control plane', 'USD', times(MONTH_HOURS, prices.of('eks.cluster'))),
    },
    ...groups.map(([name, group]): Line => {
      const [type = ''] = group.instance_types
      const least = size(platform, `fewest nodes of ${name}`, group.nodes_min, 'nodes')
      const needed = whole(
        over(
          times(peakRate(scenario), assumptions.of('gatewayCpu')),
          times(assumptions.vcpus(type), assumptions.of('nodeUse')),
        ),
      )
      // The gateway scales with requests; a dedicated group serves pods that are not here yet.
      const nodes = named(
        `nodes of ${name}`,
        'nodes',
        largest(least, group.is_dedicated ? least : needed),
      )
      return {
        ...common,
        id: `eks.nodes.${name}`,
        title: `Nodes ${name}, ${type}`,
        service: 'AmazonEC2',
        cost: named(
          'nodes',
          'USD',
          times(
            nodes,
            plus(
              times(MONTH_HOURS, committed(inputs, 'ec2', `ec2.${type}`)),
              times(
                size(platform, `disk of a node of ${name}`, group.disk_gb, 'GB'),
                prices.of('ebs.gp3'),
              ),
            ),
          ),
        ),
      }
    }),
    {
      ...common,
      id: 'ecr.images',
      title: 'Images of the pods',
      service: 'AmazonECR',
      cost: named(
        'images',
        'USD',
        times(assumptions.of('imagesGb'), prices.of('ecr.storage'), fixed('copies', 1, '')),
      ),
    },
  ]
}
