/** A record as it came from the log, value still text. */
export type InboundRecord = {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly key: string | null
  /** Null is a tombstone: nothing to react to. */
  readonly value: string | null
}
