import { runJest, type Stage } from '../../support/stages.ts'

/** The Jenkinsfile, played with mocked steps. */
export const jenkinsStages: readonly Stage[] = [
  { name: 'jenkins', run: () => runJest(['tests/platform/jenkins/']) },
]
