import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A server that somebody is led to: it counts who comes. */
export type Trap = {
  readonly url: string
  readonly visits: () => number
  close(): Promise<void>
}

/** @param body what it gives to everybody. */
export const startTrap = async (body: Buffer): Promise<Trap> => {
  let visits = 0
  const server = createServer((_request, response) => {
    visits += 1
    response.writeHead(200, { 'content-length': body.length }).end(body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A listening TCP server has an address with a port.
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    visits: () => visits,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}
