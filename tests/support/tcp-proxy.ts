import { createConnection, createServer, type Socket } from 'node:net'

/** How the proxy treats its connections, the present ones too. */
export type ProxyMode =
  | 'pass'
  /** New connections are closed at once, present ones reset. */
  | 'refuse'
  /** Connections stay and carry nothing: what a partition looks like from inside. */
  | 'half-open'

export type TcpProxy = {
  readonly port: number
  /** A server's URL at this address. */
  at(url: string): string
  /** Where connections go from now on; present ones stay where they are. */
  leadTo(port: number): void
  mode(mode: ProxyMode): void
  /** Every chunk is so late. */
  delay(delayMs: number): void
  /** Cuts every connection with a reset. */
  reset(): void
  stop(): Promise<void>
}

type Pair = { readonly client: Socket; readonly server: Socket }

/** A TCP proxy on the loopback interface whose connections can be refused, reset, delayed or left hanging. */
export const startTcpProxy = async (target: number): Promise<TcpProxy> => {
  const state = { target, mode: 'pass' as ProxyMode, delayMs: 0 }
  const pairs = new Set<Pair>()
  const cut = ({ client, server }: Pair) => {
    client.resetAndDestroy()
    server.resetAndDestroy()
  }
  const listener = createServer((client) => {
    if (state.mode === 'refuse') return void client.resetAndDestroy()
    const server = createConnection({ port: state.target, host: '127.0.0.1' })
    const pair = { client, server }
    pairs.add(pair)
    const end = () => {
      pairs.delete(pair)
      client.destroy()
      server.destroy()
    }
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.setNoDelay(true)
      from.on('error', end).on('close', end)
      from.on('data', (chunk) => {
        if (state.mode === 'half-open') return
        if (state.delayMs === 0) return void to.write(chunk)
        setTimeout(() => to.writable && to.write(chunk), state.delayMs)
      })
    }
  })
  const port = await new Promise<number>((resolve, reject) => {
    listener.once('error', reject)
    listener.listen(0, '127.0.0.1', () => {
      const address = listener.address()
      resolve(typeof address === 'object' && address ? address.port : 0)
    })
  })
  const reset = () => {
    for (const pair of pairs) cut(pair)
  }
  return {
    port,
    at: (url) => Object.assign(new URL(url), { host: `127.0.0.1:${port}` }).href,
    leadTo: (to) => {
      state.target = to
    },
    mode(mode) {
      // What was swallowed while it hung is lost to its stream, so such a connection cannot go on.
      if (mode === 'refuse' || state.mode === 'half-open') reset()
      state.mode = mode
    },
    delay: (delayMs) => {
      state.delayMs = delayMs
    },
    reset,
    stop: () =>
      new Promise((resolve) => {
        listener.close(() => resolve())
        reset()
      }),
  }
}
