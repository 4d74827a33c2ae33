import { runJest, type Stage } from '../support/stages.ts'
import { motoPackages } from './workflows/moto.ts'

/** Both state machines in a second interpreter of the states language, moto's, and before a second linter. */
export const workflows: Stage = {
  name: 'workflows',
  async run() {
    await motoPackages()
    return runJest(['tests/engines/workflows/'])
  },
}
