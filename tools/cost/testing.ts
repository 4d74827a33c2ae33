import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A path in a fresh folder, for a test that writes a file. */
export const scratchFile = async (name: string): Promise<string> =>
  join(await mkdtemp(join(tmpdir(), 'hub-cost-')), name)
