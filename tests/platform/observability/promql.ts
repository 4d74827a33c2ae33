/** Of a query: which metrics it reads, and which labels it asks of each. */
export type Read = { readonly name: string; readonly labels: readonly string[] }

/** What Prometheus itself knows of a target, or our scrape configuration adds to all that it reads. */
export const TARGET_LABELS = ['job', 'instance', 'namespace', 'app', 'pod']

const SELECTOR = /([a-zA-Z_:][\w:]*)\s*\{([^}]*)\}/g
const BARE =
  /(?<![\w:$"{])([a-zA-Z_][\w:]*_(?:total|seconds|bytes|count|sum|bucket|flight|open|fds)|up|[a-z_]+:[\w:]+)(?![\w:(])/g

/** Reads a query as text: its metrics are what has a selector, or is named as Prometheus names metrics. */
export const readsOf = (query: string): readonly Read[] => {
  const selected = [...query.matchAll(SELECTOR)].map(([, name = '', inner = '']) => ({
    name,
    labels: [...inner.matchAll(/([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label),
  }))
  const bare = [...query.replaceAll(SELECTOR, '').matchAll(BARE)].map(([, name = '']) => ({
    name,
    labels: [],
  }))
  return [...selected, ...bare]
}

/** A query of a dashboard as Prometheus gets it from Grafana, whose variables stand for durations and label values. */
export const withoutVariables = (query: string): string =>
  query.replaceAll(/\[\$__\w+\]/g, '[5m]').replaceAll(/\$\{?\w+\}?/g, 'any')
