/** What one round of one contender measured: a figure per metric, in the unit that its name ends in. */
export type Sample = Readonly<Record<string, number>>

/** A contender that stands ready; between its rounds it idles while the others run. */
export type Running = {
  round(): Promise<Sample>
  stop(): Promise<void>
}

export type Contender = {
  /** `hub` is ours; the others are peers, by the name and version a reader knows them by. */
  readonly name: string
  start(): Promise<Running>
}

export type Goal = {
  readonly metric: string
  /** Ours divided by this peer's; without one the figure of ours itself is bounded. */
  readonly against?: string
  readonly atLeast?: number
  readonly atMost?: number
}

/** A question that one table answers: ours and its peers, in turn, in one run. */
export type Bench = {
  readonly name: string
  /** What is compared, in one sentence. */
  readonly title: string
  /** Measured rounds, after a cold one that does not count. */
  readonly rounds: number
  readonly contenders: readonly Contender[]
  readonly goals: readonly Goal[]
  /** What a reader must know: the load, what the peer leaves out, and after a miss what the limit is. */
  readonly notes: readonly string[]
}

export type Measured = {
  readonly contender: string
  /** One per counted round, in order: the rounds of all contenders pair up by index. */
  readonly samples: readonly Sample[]
}

/**
 * Runs the contenders in turn, round by round, so that whatever the machine does meanwhile happens to all of them. Who
 * begins moves on with each round. The cold round is not counted.
 */
export const measure = async (
  { contenders, rounds }: Bench,
  onRound: (contender: string, round: number, sample: Sample) => void,
): Promise<readonly Measured[]> => {
  const running: { name: string; part: Running; samples: Sample[] }[] = []
  try {
    for (const { name, start } of contenders)
      running.push({ name, part: await start(), samples: [] })
    for (let round = 0; round <= rounds; round += 1) {
      const first = round % running.length
      for (const { name, part, samples } of [...running.slice(first), ...running.slice(0, first)]) {
        const sample = await part.round()
        onRound(name, round, sample)
        if (round > 0) samples.push(sample)
      }
    }
    return running.map(({ name, samples }) => ({ contender: name, samples }))
  } finally {
    for (const { part } of running.toReversed()) await part.stop()
  }
}

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((one, other) => one - other)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}
