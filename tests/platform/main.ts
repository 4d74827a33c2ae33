import { restoreStages } from '../drills/restore/stages.ts'
import { runStages } from '../support/stages.ts'
import { imagesStages } from './images/stages.ts'
import { jenkinsStages } from './jenkins/stages.ts'
import { kubernetesStages } from './kubernetes/stages.ts'
import { observabilityStages } from './observability/stages.ts'
import { templateStages } from './template/stages.ts'
import { terraformStages } from './terraform/stages.ts'

// `npm run check:platform [-- NAME…]`: what the hub runs on in AWS, without AWS. Every stage fetches the tools that it
// needs; one that cannot be had fails it with a sentence.
await runStages([
  ...templateStages,
  ...kubernetesStages,
  ...imagesStages,
  ...terraformStages,
  ...observabilityStages,
  ...jenkinsStages,
  ...restoreStages,
])
