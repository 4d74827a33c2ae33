import { setTimeout as delay } from 'node:timers/promises'
import { CamelCasePlugin, Kysely, PostgresDialect } from 'kysely'
import type pg from 'pg'
import type { Database } from '../../../shared/db/open.ts'
import type { Random } from '../../../tools/random.ts'

/*
 * A deterministic simulation of what runs at the same time, over the production code and the real PostgreSQL.
 *
 * What is simulated is the order of things: every statement, send and call of an actor is a step that waits for its
 * turn, a seeded choice says whose turn it is, and one step is done at a time. At each step the actor may die, before
 * it or after it; its transaction rolls back, and another of its kind begins. Clock and log are the simulation's own.
 *
 * The database is the real one because the rules under test are half SQL (`for update skip locked`, `on conflict`,
 * guarded updates): a model of it in memory would prove the model. What a step waits for in the database (a lock) is
 * seen there, and others have their turn. The price is speed: a thousand seeds take tens of seconds, not one.
 */

/** Somebody who does things: one incarnation of a publisher, a consumer, a sweeper. */
export type Actor = {
  readonly name: string
  readonly random: Random
  /** Does `work` when it is this actor's turn. Never resolves once the actor has died. */
  step<Result>(work: () => Promise<Result>): Promise<Result>
  /** The service's database, each statement a step of this actor. */
  database(of: Database): Promise<Database>
}

export type ActorOptions = {
  readonly name: string
  run(actor: Actor): Promise<void>
  /** It may die at any step while the simulation still has deaths to give; then a new one begins. */
  readonly isMortal: boolean
}

export type SimulationOptions = {
  readonly random: Random
  /** Deaths in one run, at most. */
  readonly deathsMax: number
  /** Of dying at a step. */
  readonly deathChance: number
  /** Whether the statement of a connection waits for a lock: asked of the database by the connection's pid. */
  isWaiting(pid: number): Promise<boolean>
}

export type Simulation = {
  readonly random: Random
  spawn(options: ActorOptions): void
  /** Runs until every actor has ended. @throws the first error of an actor, or after {@link STEPS_MAX}. */
  run(): Promise<void>
  readonly deaths: number
}

/** More steps than any run needs: a run that takes them never ends. */
const STEPS_MAX = 5_000
const LOCK_CHECK_MS = 4

type Life = {
  readonly options: ActorOptions
  readonly actor: Actor
  state: 'running' | 'pending' | 'blocked' | 'ended'
  /** In the order in which they were asked for: a transaction does not wait for the answer to its beginning. */
  readonly pending: (() => Promise<() => void>)[]
  /** Settles the step, once the database has answered. */
  blocked?: Promise<() => void>
  /** One for each service that it signs in as. */
  readonly clients: pg.PoolClient[]
  isInTransaction: boolean
}

export const createSimulation = (settings: SimulationOptions): Simulation => {
  const { random } = settings
  const lives: Life[] = []
  let deaths = 0
  const failures: unknown[] = []
  let wake = () => {}

  const spawn = (options: ActorOptions): void => {
    const life: Life = {
      options,
      state: 'running',
      pending: [],
      clients: [],
      isInTransaction: false,
      actor: {
        name: options.name,
        random,
        step: (work) => wait(life, work),
        database: (of) => databaseOf(life, of),
      },
    }
    lives.push(life)
    const end = (...errors: readonly unknown[]) => {
      if (life.state === 'ended') return
      failures.push(...errors)
      void leave(life)
      wake()
    }
    options.run(life.actor).then(
      () => end(),
      (error: unknown) => end(error),
    )
  }

  const wait = <Result>(life: Life, work: () => Promise<Result>): Promise<Result> =>
    new Promise((resolve, reject) => {
      if (life.state === 'ended') return
      if (life.state === 'running') life.state = 'pending'
      life.pending.push(() =>
        work().then(
          (result) => () => resolve(result),
          (error: unknown) => () => reject(error),
        ),
      )
      wake()
    })

  const databaseOf = async (life: Life, of: Database): Promise<Database> => {
    const client = await of.pool.connect()
    life.clients.push(client)
    const gate = {
      query: (text: string, values: unknown[]) =>
        wait(life, async () => {
          const result = await client.query(text, values)
          if (text.startsWith('begin')) life.isInTransaction = true
          if (/(^|; )commit$|^rollback$/.test(text)) life.isInTransaction = false
          return result
        }),
      release: () => {},
    }
    // Kysely and a transaction ask no more of a pool than these two.
    const pool = { connect: async () => gate, end: async () => {} } as unknown as pg.Pool
    const kysely = new Kysely<unknown>({
      dialect: new PostgresDialect({ pool }),
      plugins: [new CamelCasePlugin({ maintainNestedObjectKeys: true })],
    })
    return { ...of, kysely, pool, on: () => kysely }
  }

  const leave = async (life: Life) => {
    life.state = 'ended'
    for (const client of life.clients.splice(0)) {
      // What a dead connection's server does for it.
      if (life.isInTransaction) await client.query('rollback')
      client.release()
    }
  }

  const die = async (life: Life) => {
    deaths += 1
    await leave(life)
    spawn(life.options)
  }

  /** Until everybody waits for a turn, for a lock, or has ended. */
  const settled = async () => {
    while (lives.some(({ state }) => state === 'running')) {
      const { promise, resolve } = Promise.withResolvers<void>()
      wake = resolve
      if (lives.some(({ state }) => state === 'running')) await promise
    }
  }

  const fateOf = ({ options }: Life): 'before' | 'after' | undefined => {
    const isDoomed =
      options.isMortal && deaths < settings.deathsMax && random.chance(settings.deathChance)
    return isDoomed ? random.pick(['before', 'after']) : undefined
  }

  const take = async (life: Life) => {
    const fate = fateOf(life)
    if (fate === 'before') return die(life)
    const work = life.pending.shift()?.() ?? Promise.resolve(() => {})
    const settle = await Promise.race([work, lockedOrNot(life, work)])
    if (settle === 'blocked') {
      life.state = 'blocked'
      life.blocked = work
      return
    }
    if (fate === 'after') return die(life)
    goOn(life, settle)
  }

  const goOn = (life: Life, settle: () => void) => {
    life.state = life.pending.length > 0 ? 'pending' : 'running'
    settle()
  }

  /** Resolves only once the statement is seen to wait for a lock. */
  const lockedOrNot = async (life: Life, work: Promise<unknown>): Promise<'blocked'> => {
    let isDone = false
    void work.then(() => {
      isDone = true
    })
    while (!isDone) {
      await delay(LOCK_CHECK_MS)
      if (!isDone && (await isHeld(life))) return 'blocked'
    }
    return new Promise(() => {})
  }

  const isHeld = async ({ clients }: Life): Promise<boolean> => {
    // pg knows the pid of its backend, and its types do not.
    const pids = clients.map((client) => (client as unknown as { processID: number }).processID)
    const held = await Promise.all(pids.map(settings.isWaiting))
    return held.includes(true)
  }

  /** Who waited for a lock and has it now goes on. */
  const unblock = async () => {
    for (const life of lives.filter(({ state }) => state === 'blocked')) {
      const work = life.blocked ?? Promise.resolve(() => {})
      const settle = await Promise.race([work, lockedOrNot(life, work)])
      if (settle === 'blocked') continue
      goOn(life, settle)
    }
  }

  return {
    random,
    spawn,
    get deaths() {
      return deaths
    },
    async run() {
      for (let steps = 0; ; steps += 1) {
        await settled()
        if (failures.length > 0) throw failures[0]
        await unblock()
        await settled()
        if (failures.length > 0) throw failures[0]
        const waiting = lives.filter(({ state }) => state === 'pending')
        const blocked = lives.filter(({ state }) => state === 'blocked')
        if (waiting.length + blocked.length === 0) return
        // A deadlock, which the database breaks.
        if (waiting.length === 0) {
          await Promise.race(blocked.map(({ blocked: work }) => work))
          continue
        }
        if (steps > STEPS_MAX) throw new Error(`no end after ${STEPS_MAX} steps`)
        await take(random.pick(waiting))
      }
    },
  }
}
