import { packageHub } from '../../../local/package/package.ts'
import { readPackaged } from '../../measure/packaged.ts'
import { root } from '../../measure/root.ts'
import type { Setting } from '../plan/plan.ts'
import { stackOf } from '../stack.ts'
import { type Edit, undoEdits, writeEdits } from './edits.ts'

/**
 * Writes the edits and packages anew: only what comes out of the packager is known to deploy. Where it does not come out
 * as it was meant, the files get their text back.
 *
 * @throws an Error that says what was different.
 */
export const writeAndVerify = async (
  edits: readonly Edit[],
  settings: ReadonlyMap<string, Setting>,
): Promise<void> => {
  await writeEdits(edits)
  try {
    const { templatePath } = await packageHub({ root, reuse: true })
    const { functions } = stackOf(await readPackaged(templatePath))
    for (const { key, reserved, provisioned } of functions) {
      const wanted = settings.get(key)
      if (wanted && (wanted.reserved !== reserved || wanted.provisioned !== provisioned))
        throw new Error(
          `The packaged template gives ${key} ${reserved} reserved and ${provisioned} provisioned, ` +
            `not ${wanted.reserved} and ${wanted.provisioned}.`,
        )
    }
  } catch (error) {
    await undoEdits(edits)
    throw error
  }
}
