/** A sample as a scrape shows it. */
export type Series = { readonly name: string; readonly labels: ReadonlySet<string> }

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? /

/** All samples of Prometheus' text format 0.0.4, once by name and labels. */
export const seriesOf = (text: string): readonly Series[] => {
  const labels = new Map<string, Set<string>>()
  for (const line of text.split('\n')) {
    const [, name, inner = ''] = SAMPLE.exec(line) ?? []
    if (!name || line.startsWith('#')) continue
    const known = labels.get(name) ?? new Set()
    for (const [, label = ''] of inner.matchAll(/([a-zA-Z_]\w*)="/g)) known.add(label)
    labels.set(name, known)
  }
  return [...labels].map(([name, known]) => ({ name, labels: known }))
}
