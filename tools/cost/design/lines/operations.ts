import { fixed, named, over, plus, times } from '../../bill/formula.ts'
import { type Line, sharedLine } from '../../bill/line.ts'
import { type Inputs, packaged } from '../inputs.ts'
import { made, size } from '../sizes.ts'
import type { Volumes } from '../volumes.ts'

const KB_PER_GB = fixed('KB of a GB', 1_048_576, 'KB')

/** Logs, traces, metrics; firewall, keys, secrets. */
export const operationLines = (inputs: Inputs, volumes: Volumes): readonly Line[] => {
  const { prices, platform, deployed, assumptions } = inputs
  const watch = (id: string, title: string, cost: Line['cost']) =>
    sharedLine('observability', 'AmazonCloudWatch', id, title, cost)
  // Kept for a month: what is written in one is what is stored at any time.
  const logs = (id: string, title: string, gb: Line['cost']) =>
    watch(
      id,
      title,
      times(
        named('GB of log', 'GB', gb),
        plus(prices.of('logs.ingest'), prices.of('logs.storage')),
      ),
    )
  const requests = volumes.gatewayRequests
  const traces = size(
    platform,
    'share of requests that are traced',
    platform.sizes.observability.trace_share,
    'of requests',
  )
  const { brokers } = platform.sizes.events
  const doors = deployed.functions.filter(({ kind }) => kind === 'http' || kind === 'bus').length
  return [
    logs(
      'logs.functions',
      'Logs of functions',
      over(
        times(
          volumes.allCalls,
          plus(
            assumptions.of('callLogKb'),
            times(
              packaged('share of traces that are logged', deployed.logShare, 'of calls'),
              assumptions.of('lineLogKb'),
            ),
          ),
        ),
        KB_PER_GB,
      ),
    ),
    logs(
      'logs.gateway',
      'Logs of the gateway',
      over(times(requests, assumptions.of('gatewayLogKb')), KB_PER_GB),
    ),
    logs('logs.engines', 'Logs of engines', plus(assumptions.of('engineLogGb'))),
    watch(
      'metrics.hub',
      'Metrics of the hub',
      times(
        plus(
          times(packaged('functions with a door', doors, 'doors'), assumptions.of('doorMetrics')),
          assumptions.of('publisherMetrics'),
          assumptions.of('clusterMetrics'),
        ),
        prices.of('cloudwatch.metric'),
      ),
    ),
    watch(
      'alarms',
      'Alarms, by the metrics that they read',
      times(
        plus(
          made("metrics of the platform's alarms", platform.alarmMetrics, 'metrics'),
          packaged("metrics of the functions' own alarms", deployed.alarmMetrics, 'metrics'),
        ),
        prices.of('cloudwatch.alarm'),
      ),
    ),
    watch(
      'dashboards',
      'Dashboards',
      times(
        made('dashboards', platform.dashboards, 'dashboards'),
        prices.of('cloudwatch.dashboard'),
      ),
    ),
    ...(platform.hasTopicMetrics
      ? [
          watch(
            'metrics.kafka',
            'Metrics of Kafka by topic and broker',
            times(
              size(platform, 'brokers', brokers, 'brokers'),
              plus(
                assumptions.of('brokerMetrics'),
                times(
                  size(platform, 'topics', platform.topics, 'topics'),
                  assumptions.of('topicMetrics'),
                ),
              ),
              prices.of('cloudwatch.metric'),
            ),
          ),
        ]
      : []),
    sharedLine(
      'observability',
      'AWSXRay',
      'xray.traces',
      'Traces',
      times(requests, traces, prices.of('xray.recorded')),
    ),
    sharedLine(
      'security',
      'awswaf',
      'waf.rules',
      'Firewalls and their rules',
      plus(
        times(made('firewalls', platform.firewalls, 'ACLs'), prices.of('waf.acl')),
        times(
          made('rules of all firewalls', platform.firewallRules, 'rules'),
          prices.of('waf.rule'),
        ),
      ),
    ),
    sharedLine(
      'security',
      'awswaf',
      'waf.requests',
      'Requests through the firewall',
      times(requests, prices.of('waf.requests')),
    ),
    sharedLine(
      'security',
      'awskms',
      'kms.keys',
      'Keys and their use',
      plus(
        times(made('keys', platform.keys, 'keys'), prices.of('kms.key')),
        times(requests, assumptions.of('kmsPerRequest'), prices.of('kms.requests')),
      ),
    ),
    sharedLine(
      'security',
      'AWSSecretsManager',
      'secrets',
      'Secrets',
      times(made('secrets', platform.secrets, 'secrets'), prices.of('secrets.secret')),
    ),
  ]
}
