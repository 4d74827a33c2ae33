import { type Line, type PricedLine, priceLine, totalOf } from '../bill/line.ts'
import type { MicroUsd } from '../bill/money.ts'
import type { Inputs } from './inputs.ts'
import { clusterLines } from './lines/cluster.ts'
import { engineLines } from './lines/engines.ts'
import { functionLines } from './lines/functions.ts'
import { networkLines } from './lines/network.ts'
import { operationLines } from './lines/operations.ts'
import { videoLines } from './lines/video.ts'
import { type Volumes, volumesOf } from './volumes.ts'

export type Bill = { readonly lines: readonly PricedLine[]; readonly total: MicroUsd }

/** A month of the serverless design: every line with its formula. */
export const serverlessBill = (inputs: Inputs): Bill & { readonly volumes: Volumes } => {
  const volumes = volumesOf(inputs)
  return { ...billOf(serverlessLines(inputs, volumes)), volumes }
}

const serverlessLines = (inputs: Inputs, volumes: Volumes): readonly Line[] => [
  ...functionLines(inputs, volumes),
  ...clusterLines(inputs),
  ...engineLines(inputs),
  ...videoLines(inputs),
  ...networkLines(inputs, volumes),
  ...operationLines(inputs, volumes),
]

export const billOf = (lines: readonly Line[]): Bill => {
  const priced = lines.map(priceLine)
  return { lines: priced, total: totalOf(priced) }
}
