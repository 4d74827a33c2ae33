import pg from 'pg'
import type { Postgres } from '../../../local/postgres/postgres.ts'

/** One write as its client knows it. Instants are milliseconds of this machine, which is also the database's. */
export type Write = {
  readonly id: number
  readonly begunAt: number
  /** Undefined: no answer came, so it may be there or not. */
  readonly acknowledgedAt: number | undefined
}

const WRITERS = 4
const WRITE =
  'with parent as (insert into drill.orders (id) values ($1) returning id) ' +
  'insert into drill.lines (order_id, position) select id, position from parent, generate_series(1, 3) as position'

export type Load = {
  readonly history: readonly Write[]
  /** Ends when every writer has had its last answer, or none. */
  stop(): Promise<void>
}

/** Clients that write orders of three lines, each in one transaction, as fast as they are answered. */
export const startLoad = async (server: Postgres): Promise<Load> => {
  const owner = new pg.Client({ connectionString: server.url('hub') })
  await owner.connect()
  await owner.query(`create schema drill;
    create table drill.orders (id bigint primary key);
    create table drill.lines (order_id bigint not null references drill.orders, position int not null)`)
  await owner.end()
  const history: Write[] = []
  let isOver = false
  let next = 1
  const write = async (client: pg.Client) => {
    while (!isOver) {
      const id = next++
      const begunAt = Date.now()
      const isAcknowledged = await client.query(WRITE, [id]).then(
        () => true,
        () => false,
      )
      history.push({ id, begunAt, acknowledgedAt: isAcknowledged ? Date.now() : undefined })
      if (!isAcknowledged) return
    }
  }
  const clients = Array.from(
    { length: WRITERS },
    () => new pg.Client({ connectionString: server.url('hub') }),
  )
  for (const client of clients) {
    // The server dies in this drill.
    client.on('error', () => {})
    await client.connect()
  }
  const writing = Promise.all(clients.map(write))
  return {
    history,
    async stop() {
      isOver = true
      await writing
      await Promise.all(clients.map((client) => client.end().catch(() => {})))
    },
  }
}
