import { join } from 'node:path'
import { freePort } from '../../../local/free-port.ts'
import { startEngine } from '../../support/engines/process.ts'
import { pythonPackages } from '../../support/engines/toolbox.ts'

const MOTO = 'moto[server,stepfunctions]==5.2.5'

export type Moto = { readonly url: string; stop(): Promise<void> }

/** The packages of the second interpreter, fetched at the first use. */
export const motoPackages = () => pythonPackages('moto', [MOTO])

/** @param functionsUrl answers every Lambda task: see interpreter.py. */
export const startMoto = async (functionsUrl: string): Promise<Moto> => {
  const { python, folder } = await motoPackages()
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const process = await startEngine({
    program: python,
    args: [join(import.meta.dirname, 'interpreter.py'), String(port), functionsUrl],
    environment: { PYTHONPATH: folder, AWS_ACCESS_KEY_ID: 'moto', AWS_SECRET_ACCESS_KEY: 'moto' },
    ready: () => fetch(url),
  })
  return { url, stop: () => process.kill() }
}
