import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** The address of a database that is not one server's: what the clients know stays, where it leads to changes. */
export type Endpoint = {
  /** The same URL at this address. */
  at(url: string): string
  /** New connections go there; those that are open stay with whom they have. */
  leadTo(port: number): void
  stop(): Promise<void>
}

/** An endpoint of the loopback interface. @param port where it leads at first. */
export const startEndpoint = async (port: number): Promise<Endpoint> => {
  let target = port
  const sockets = new Set<Socket>()
  const keep = (socket: Socket, other: () => Socket) => {
    sockets.add(socket)
    // The other side hears of an end and of a failure alike.
    socket.on('error', () => {})
    socket.on('close', () => {
      sockets.delete(socket)
      other().destroy()
    })
  }
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1')
    keep(near, () => far)
    keep(far, () => near)
    near.pipe(far).pipe(near)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port: own } = server.address() as AddressInfo
  return {
    at: (url) => Object.assign(new URL(url), { host: `127.0.0.1:${own}` }).href,
    leadTo(next) {
      target = next
    },
    async stop() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
}
