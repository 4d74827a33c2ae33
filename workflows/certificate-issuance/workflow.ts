import * as z from 'zod'
import { openSigning } from '../../functions/certificate/settings.ts'
import { type Environment, loadConfig } from '../../shared/config/load.ts'
import { openStorage } from '../../shared/storage/open.ts'
import { openPrinter } from './printer.ts'
import { checkRule } from './steps/check-rule.ts'
import type { StepDeps } from './steps/hold.ts'
import { issue } from './steps/issue.ts'
import { markFailed } from './steps/mark-failed.ts'
import { render } from './steps/render.ts'
import { sign } from './steps/sign.ts'
import { snapshot } from './steps/snapshot.ts'

/** The steps that `state-machine.asl.json` orders, by the name of their state with a small first letter. */
export const steps = { checkRule, snapshot, render, sign, issue, markFailed }

const stepsSchema = z.object({
  /** Folders of fonts, joined as in PATH; the layer's, or on one machine those of npm. */
  FONTS_PATH: z.string().default('/opt/fonts'),
})

export const stepDeps = (environment: Environment): StepDeps => ({
  ...openSigning(environment),
  storage: openStorage(environment),
  printer: openPrinter(loadConfig(stepsSchema, environment).FONTS_PATH),
})
