import cliProgress from 'cli-progress'

/** Tells the story of the demo: what happens, and what it proves. */
export type Narrator = {
  /** One step; its sentence is printed with what the work gave back as proof. */
  step<Result>(
    name: string,
    work: () => Promise<Result>,
    proof?: (result: Result) => string,
  ): Promise<Result>
  /** A bar from 0 to 100 per cent while `work` goes on. */
  bar<Result>(
    name: string,
    work: (percent: (value: number) => void) => Promise<Result>,
  ): Promise<Result>
  say(line: string): void
}

export const terminalNarrator = (): Narrator => ({
  async step(name, work, proof) {
    const startedAt = performance.now()
    const result = await work()
    const said = proof ? `  ${proof(result)}` : ''
    console.log(`✓ ${name.padEnd(58)} ${seconds(startedAt)}${said}`)
    return result
  },
  async bar(name, work) {
    const startedAt = performance.now()
    const bar = new cliProgress.SingleBar(
      {
        format: `  ${name.padEnd(30)} {bar} {percentage} %`,
        clearOnComplete: true,
        noTTYOutput: false,
      },
      cliProgress.Presets.shades_classic,
    )
    bar.start(100, 0)
    try {
      const result = await work((value) => bar.update(Math.floor(value)))
      bar.update(100)
      return result
    } finally {
      bar.stop()
      console.log(`✓ ${name.padEnd(58)} ${seconds(startedAt)}`)
    }
  },
  say: (line) => console.log(line),
})

/** For the background: nobody listens. */
export const silentNarrator: Narrator = {
  step: (_, work) => work(),
  bar: (_, work) => work(() => {}),
  say: () => {},
}

const seconds = (startedAt: number): string =>
  `${((performance.now() - startedAt) / 1_000).toFixed(1).padStart(5)} s`
