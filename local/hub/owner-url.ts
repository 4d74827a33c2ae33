import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** The owner's URL of a running hub's embedded database: where it listens stands in its own files, and changes with each start. */
export const ownerUrlIn = async (dataDir: string): Promise<string> => {
  const folder = join(dataDir, 'postgres')
  const password = (await readFile(join(folder, 'password'), 'utf8')).trim()
  const postmaster = await readFile(join(folder, 'cluster', 'postmaster.pid'), 'utf8')
  const [, , , port] = postmaster.split('\n')
  return `postgres://postgres:${password}@127.0.0.1:${port}/hub`
}
