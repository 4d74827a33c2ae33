import { afterAll, beforeAll } from '@jest/globals'
import pg from 'pg'
import { randomOf } from '../../../tools/random.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createSimulation, type Simulation } from './simulator.ts'

/** Runs of each simulation; `FAULT_SEEDS` and `FAULT_SEED` choose others. */
export const SEEDS = Number(process.env.FAULT_SEEDS ?? 1_000)
const FIRST_SEED = process.env.FAULT_SEED ?? 'simulation'

export const SIMULATION_TIMEOUT_MS = 20 * 60_000

/** Every violation that a run shows; none where all promises were kept. */
export type Scenario = (simulation: Simulation) => Promise<readonly string[]>

export type Told = { readonly seed: string; readonly violations: readonly string[] }

/** What simulations over one database share. */
export const useSimulations = (database: TestDatabase) => {
  let watcher: pg.Client
  beforeAll(async () => {
    watcher = new pg.Client({ connectionString: database.url })
    // The database is dropped with whoever still looks at it.
    watcher.on('error', () => {})
    await watcher.connect()
  })
  afterAll(() => watcher.end())

  const isWaiting = async (pid: number): Promise<boolean> => {
    const { rows } = await watcher.query(
      `select from pg_stat_activity where pid = $1 and wait_event_type = 'Lock'`,
      [pid],
    )
    return rows.length > 0
  }

  const runOne = async (name: string, scenario: Scenario): Promise<Told> => {
    const seed = `${FIRST_SEED}/${name}`
    const simulation = createSimulation({
      random: randomOf(seed),
      deathsMax: 4,
      deathChance: 0.06,
      isWaiting,
    })
    return { seed, violations: await scenario(simulation) }
  }

  return {
    /** Runs a scenario once for each seed. @returns the first run that broke a promise. */
    async firstBroken(scenario: Scenario, seeds: number = SEEDS): Promise<Told | undefined> {
      for (let seed = 0; seed < seeds; seed += 1) {
        const told = await runOne(String(seed), scenario)
        if (told.violations.length > 0) return told
      }
      return undefined
    },
  }
}
