import { pause } from '../../../shared/kernel/pulse.ts'
import type { Campus } from '../campus/campus.ts'
import { type GatewayKey, newGatewayKey, signInWith } from '../campus/people.ts'
import { runOnCampus } from '../campus/run.ts'
import type { FaultRow } from '../fault-row.ts'

const ROTATIONS = { slice: 2, long: 8 }
const BOTH_MS = 1_500

/**
 * The gateway's key is replaced under load, one process after the other: first every door learns the coming key, then
 * the gateway signs with it, then every door forgets the old one. Nobody is ever refused; in the end the old key is.
 */
export const rotatedKeys: FaultRow = {
  row: 21,
  name: 'the key of the internal tokens is rotated',
  run: (context) =>
    runOnCampus(context, {
      load: { operationsPerActor: 10_000 },
      async strike(campus, { signal, endLoad }) {
        const violations: string[] = []
        let present = campus.gatewayKey
        let faults = 0
        while (faults < ROTATIONS[context.isLong ? 'long' : 'slice'] && !signal.aborted) {
          const coming = await newGatewayKey()
          await tellDoors(campus, [present, coming])
          await campus.useKey(coming)
          await pause(BOTH_MS, signal)
          violations.push(...(await answersTo(campus, { key: present, status: 200 })))
          await tellDoors(campus, [coming])
          violations.push(...(await answersTo(campus, { key: present, status: 401 })))
          present = coming
          faults += 1
        }
        endLoad()
        return { faults, violations }
      },
    }),
}

/** One door after the other: the others answer meanwhile. */
const tellDoors = async ({ doors }: Campus, keys: readonly GatewayKey[]) => {
  const jwks = JSON.stringify(keys.map(({ publicKey }) => publicKey))
  for (const door of doors) await door.restart(undefined, { INTERNAL_JWKS: jwks })
}

const answersTo = async (
  campus: Campus,
  { key, status }: { key: GatewayKey; status: number },
): Promise<readonly string[]> => {
  const token = await (await signInWith(key))(campus.stranger)
  const answers = await Promise.all(
    campus.urls().map((url) => fetch(`${url}/v1/courses`, { headers: { 'x-hub-token': token } })),
  )
  return answers
    .filter((answer) => answer.status !== status)
    .map((answer) => `G4 a token of the former key was answered ${answer.status}, not ${status}`)
}
