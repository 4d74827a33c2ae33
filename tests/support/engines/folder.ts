import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A fresh folder for an engine's files, which any user may enter: some engines are not root. */
export const engineFolder = async (
  name: string,
): Promise<{ readonly path: string; remove(): Promise<void> }> => {
  const path = await mkdtemp(join(tmpdir(), `hub-${name}-`))
  await chmod(path, 0o777)
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}
