import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { downloadObject } from './objects.ts'

// S3 that answers with a checksum, as the real one does, gives the beginning of an object, and then
// says no more: the connection is the test's to break.

let server: Server
let s3: S3Client
let folder: string
const answered = (): Promise<Socket> =>
  new Promise((resolve) => server.once('answered', resolve as (socket: Socket) => void))

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hub-objects-'))
  server = createServer(({ socket }, response) => {
    response.writeHead(200, { 'content-length': 1_000, 'x-amz-checksum-crc32': 'AAAAAA==' })
    response.write('the beginning', () => server.emit('answered', socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  s3 = new S3Client({
    region: 'us-east-1',
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    forcePathStyle: true,
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
  })
})
afterAll(async () => {
  s3.destroy()
  server.closeAllConnections()
  server.close()
  await rm(folder, { recursive: true, force: true })
})

const download = (options: Parameters<typeof downloadObject>[3]) =>
  downloadObject({ s3, bucket: 'media' }, 'video', join(folder, 'video'), options)

describe('downloadObject', () => {
  it('gives the connection of an object back that it does not accept', async () => {
    const closed = answered().then((socket) => once(socket, 'close'))
    const refusal = new Error('too large')
    const accept = (sizeBytes: number) => {
      expect(sizeBytes).toBe(1_000)
      throw refusal
    }
    await expect(download({ accept })).rejects.toBe(refusal)
    await closed
  })

  it('rejects when it is told to end, and when the connection breaks', async () => {
    const ending = new AbortController()
    void answered().then(() => ending.abort())
    await expect(download({ accept() {}, signal: ending.signal })).rejects.toThrow(/abort/i)
    void answered().then((socket) => socket.destroy())
    await expect(download({ accept() {} })).rejects.toThrow('aborted')
  })

  it('hears of an end that comes with the answer itself', async () => {
    const ending = new AbortController()
    await expect(download({ accept: () => ending.abort(), signal: ending.signal })).rejects.toThrow(
      /abort/i,
    )
  })
})
