import { packageHub } from '../../../local/package/package.ts'
import { readPackaged } from '../../measure/packaged.ts'
import { root } from '../../measure/root.ts'
import type { Setting } from '../plan/pool.ts'
import { stackOf } from '../stack.ts'
import { type Edit, undoEdits, writeEdits } from './edits.ts'

/**
 * Writes the edits and packages anew: only what comes out of the packager is known to deploy. Where it does not come out
 * as it was meant, the files get their text back.
 *
 * @param repackage gives the functions of the template that the packager makes of the written files.
 * @throws an Error that says what was different.
 */
export const writeAndVerify = async (
  edits: readonly Edit[],
  settings: ReadonlyMap<string, Setting>,
  repackage: () => Promise<readonly PackagedSetting[]> = packagedSettings,
): Promise<void> => {
  await writeEdits(edits)
  try {
    for (const { key, reserved, provisioned } of await repackage()) {
      const wanted = settings.get(key)
      if (wanted && (wanted.reserved !== reserved || wanted.provisioned !== provisioned))
        throw new Error(
          `The packaged template gives ${key} ${reserved ?? 'no'} reserved and ${provisioned ?? 'no'} provisioned, ` +
            `not ${wanted.reserved ?? 'no'} and ${wanted.provisioned ?? 'no'}.`,
        )
    }
  } catch (error) {
    await undoEdits(edits)
    throw error
  }
}

type PackagedSetting = Setting & { readonly key: string }

const packagedSettings = async (): Promise<readonly PackagedSetting[]> => {
  const { templatePath } = await packageHub({ root, reuse: true })
  return stackOf(await readPackaged(templatePath)).functions
}
