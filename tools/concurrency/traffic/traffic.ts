/** Arrivals over a while, in buckets of equal length. */
export type Traffic = {
  /** A built-in profile's name, or the file. */
  readonly name: string
  readonly bucketSeconds: number
  /** Calls per second in each bucket, by the function's key in serverless.yml; all of one length. */
  readonly rates: ReadonlyMap<string, readonly number[]>
  /**
   * `doors`: only functions behind the balancer were counted, and what follows from their calls (events, steps) must be
   * reckoned. `all`: every function was.
   */
  readonly covers: 'doors' | 'all'
  /** What a reader should know about it, a sentence each. */
  readonly notes: readonly string[]
}

export const bucketsOf = ({ rates }: Traffic): number =>
  Math.max(0, ...[...rates.values()].map(({ length }) => length))
