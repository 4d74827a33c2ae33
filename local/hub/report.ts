/** Tells the person at the terminal what is going on. */
export type Report = {
  /** Runs one step of the start and says what it took. */
  step<Result>(name: string, work: () => Promise<Result>): Promise<Result>
  say(line: string): void
}

/** Lines on standard output: `  migrating …            1.2 s`. */
export const terminalReport = (write: (text: string) => void): Report => ({
  async step(name, work) {
    const startedAt = performance.now()
    try {
      const result = await work()
      write(`  ${name.padEnd(44)} ${seconds(startedAt)}\n`)
      return result
    } catch (error) {
      write(`  ${name.padEnd(44)} failed after ${seconds(startedAt)}\n`)
      throw error
    }
  },
  say: (line) => write(`${line}\n`),
})

const seconds = (startedAt: number) => `${((performance.now() - startedAt) / 1_000).toFixed(1)} s`
