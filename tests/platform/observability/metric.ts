import { AWS_METRICS } from './aws-metrics.ts'

/** A metric as an alarm or a dashboard names it. */
export type Metric = {
  readonly namespace: string
  readonly name: string
  readonly dimensions: Readonly<Record<string, string>>
}

/** Whether somebody reports it: AWS itself, or our own code, whose metrics a run of it has shown. */
export const complaint = (metric: Metric, emitted: readonly Metric[]): string | undefined => {
  const { namespace, name, dimensions } = metric
  const keys = Object.keys(dimensions).toSorted().join()
  const told = `${namespace} ${name} {${Object.entries(dimensions).map(([key, value]) => `${key}=${value}`)}}`
  const empty = Object.entries(dimensions).filter(([, value]) => value === '')
  if (empty.length > 0) return `${told}: a dimension without a value`
  const sets = AWS_METRICS[namespace]?.metrics[name]
  if (sets) {
    const isThere = sets.some((set) => set.toSorted().join() === keys)
    return isThere ? undefined : `${told}: AWS reports it under other dimensions`
  }
  const isOurs = emitted.some(
    (each) =>
      each.namespace === namespace &&
      each.name === name &&
      Object.keys(each.dimensions).toSorted().join() === keys,
  )
  return isOurs ? undefined : `${told}: nobody reports it`
}
