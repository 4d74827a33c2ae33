import { html } from 'hono/html'
import type { MappingLag } from '../event-source-mappings/event-source-mappings.ts'
import { functionKeyOf } from '../template/template.ts'
import { badge, code, empty, figure, live, page, table, tiles } from './layout.ts'

/** How far each event-source mapping is behind, and what its consumer has parked. */
export const eventsPage = ({
  lags,
  parked,
}: {
  lags: readonly MappingLag[]
  parked: ReadonlyMap<string, number>
}): string => {
  const behind = lags.reduce((sum, mapping) => sum + lagOf(mapping), 0)
  const parkedSum = [...parked.values()].reduce((sum, each) => sum + each, 0)
  return page({
    title: 'Events',
    section: '/_hub/events',
    isLive: true,
    body: html`${live(
      'sums',
      tiles([
        { name: 'records behind', value: behind },
        { name: 'mappings', value: lags.length },
        {
          name: 'parked records',
          value: parkedSum,
          href: '/_hub/dead-letters',
          isBad: parkedSum > 0,
        },
      ]),
    )}
    <p>A mapping reads a topic for a function. Lag is how many records the function has yet to take; what is parked is no lag.</p>
    ${live('mappings', lags.length === 0 ? empty('There are no mappings.') : mappingsTable(lags))}
    <h2>Parked, by consumer</h2>
    ${live(
      'parked',
      parked.size === 0
        ? empty('Nothing is parked.')
        : table(
            'Parked records',
            ['consumer', figure('parked')],
            [...parked].map(([consumer, count]) => [
              html`<a href="/_hub/dead-letters?consumer=${consumer}">${consumer}</a>`,
              String(count),
            ]),
          ),
    )}`,
  })
}

const mappingsTable = (lags: readonly MappingLag[]) =>
  table(
    'Event-source mappings',
    ['function', 'topic', 'consumer group', figure('partitions'), figure('lag'), 'state'],
    lags.map((mapping) => {
      const lag = lagOf(mapping)
      return [
        functionKeyOf(mapping.functionName),
        code(mapping.topic),
        code(mapping.consumerGroupId),
        String(mapping.partitions.length),
        String(lag),
        lag === 0 ? badge('good', 'up to date') : badge('busy', 'behind'),
      ]
    }),
  )

export const lagOf = ({ partitions }: MappingLag): number =>
  partitions.reduce((sum, { lag }) => sum + lag, 0)
