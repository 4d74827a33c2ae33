import { both, count, type Row, set } from '../row.ts'

const ZONES = ['us-east-1a', 'us-east-1b', 'us-east-1c']

const subnets = (tier: string, cidrs: readonly string[]): readonly Row[] => [
  set({
    line: `${tier} subnets ${cidrs.join(', ')}`,
    address: `network.aws_subnet.${tier}`,
    path: 'cidr_block',
    is: cidrs,
  }),
  set({
    line: `${tier} subnets in three zones`,
    address: `network.aws_subnet.${tier}`,
    path: 'availability_zone',
    is: ZONES,
  }),
]

/** VPC, subnets and the ways out. Security groups have a file of their own. */
export const networkRows: readonly Row[] = [
  both({
    line: 'VPC 10.0.0.0/16',
    address: 'network.aws_vpc.this',
    path: 'cidr_block',
    is: '10.0.0.0/16',
    not: '10.1.0.0/16',
  }),
  ...subnets('public', ['10.0.1.0/24', '10.0.2.0/24', '10.0.3.0/24']),
  ...subnets('private', ['10.0.10.0/24', '10.0.20.0/24', '10.0.30.0/24']),
  ...subnets('database', ['10.0.40.0/24', '10.0.50.0/24', '10.0.60.0/24']),
  both({
    line: 'nothing in a public subnet gets an address by itself',
    address: 'network.aws_subnet.public',
    path: 'map_public_ip_on_launch',
    is: false,
    not: true,
  }),
  count({ line: 'NAT per zone', address: 'network.aws_nat_gateway.this', is: 3 }, ['prod']),
  count({ line: 'one NAT in staging', address: 'network.aws_nat_gateway.this', is: 1 }, [
    'staging',
  ]),
  count({ line: 'every private subnet has a way out', address: 'network.aws_route.nat', is: 3 }),
  both({
    line: 'refused traffic is logged',
    address: 'network.aws_flow_log.rejected',
    path: 'traffic_type',
    is: 'REJECT',
    not: 'ACCEPT',
  }),
]
