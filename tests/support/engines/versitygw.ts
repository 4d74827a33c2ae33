import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../../../local/free-port.ts'
import { engineFolder } from './folder.ts'
import { startEngine } from './process.ts'
import { goProgram } from './toolbox.ts'

const VERSITYGW = 'github.com/versity/versitygw/cmd/versitygw@v1.8.0'

export type S3Engine = {
  readonly url: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly region: string
  stop(): Promise<void>
}

/** A real S3 server: versitygw over a folder, with versions. It checks signatures, expiry and checksums. */
export const startVersityGateway = async (): Promise<S3Engine> => {
  const program = await goProgram(VERSITYGW)
  const folder = await engineFolder('versitygw')
  // Neither path may be a prefix of the other.
  const [objects, versions] = [join(folder.path, 'objects'), join(folder.path, 'versions')]
  for (const each of [objects, versions]) await mkdir(each)
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const credentials = { accessKeyId: 'hub', secretAccessKey: 'hub-secret' }
  const process = await startEngine({
    program,
    args: [
      ...['--quiet', '--port', `127.0.0.1:${port}`],
      ...['posix', '--versioning-dir', versions, objects],
    ],
    environment: {
      ROOT_ACCESS_KEY: credentials.accessKeyId,
      ROOT_SECRET_KEY: credentials.secretAccessKey,
    },
    ready: () => fetch(url),
  })
  return {
    url,
    ...credentials,
    region: 'us-east-1',
    async stop() {
      await process.stop()
      await folder.remove()
    },
  }
}
