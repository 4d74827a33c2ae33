import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { SFNClient } from '@aws-sdk/client-sfn'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type StepFunctions, startStepFunctions } from '../../../local/step-functions/server.ts'
import { machines } from './machine.ts'
import { type Moto, startMoto } from './moto.ts'
import { both, type Move, movesFrom, scriptTo } from './moves.ts'
import { callerOf, createMachine, type Played, playAll, playable, type Run, runOf } from './play.ts'

// Two interpreters of the states language that know nothing of each other play the machines that deploy: each error
// of each Retry and Catch, once as a hiccup and once for good, and each branch. What must come of it is read from the
// file; in everything else they must agree.

const PLAY_MS = 8 * 60_000

const cases = machines.flatMap((machine) =>
  Object.keys(machine.definition.States).flatMap((state) =>
    movesFrom(machine, state).map((move) => ({
      title: `${state} ${move.title}`,
      state,
      move,
      machine,
      script: both(scriptTo(machine, state), move.script),
    })),
  ),
)
type Case = (typeof cases)[number]

// Cases that need the same run share it.
const keyOf = ({ machine, script }: Case) => JSON.stringify([machine.name, script])
const names = new Map([...new Set(cases.map(keyOf))].map((key, index) => [key, `run-${index}`]))
const nameOf = (one: Case) => names.get(keyOf(one)) ?? ''
const runs = (): Run[] =>
  [...new Map(cases.map((one) => [nameOf(one), one]))].map(([name, { machine, script }]) =>
    runOf(name, machine, script),
  )

let folder: string
let functions: Server
let moto: Moto
let local: StepFunctions
let byMoto: ReadonlyMap<string, Played>
let byLocal: ReadonlyMap<string, Played>

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'second-opinion-'))
  ;[byLocal, byMoto] = await Promise.all([playLocally(runs()), playByMoto(runs())])
}, PLAY_MS)
afterAll(async () => {
  await local?.close()
  await moto?.stop()
  functions?.closeAllConnections()
  functions?.close()
  await rm(folder, { recursive: true, force: true })
})

const clientOf = (endpoint: string) =>
  new SFNClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  })

const answerOf = (all: readonly Run[], functionName: string, payload: string) => {
  const { run, state } = callerOf(functionName)
  const found = all.find(({ name }) => name === run)
  if (!found) throw new Error(`there is no run ${run}`)
  return found.functions.call(state, JSON.parse(payload))
}

const playLocally = async (all: Run[]) => {
  const arnOf = ({ name }: Run) => `arn:aws:states:us-east-1:123456789012:stateMachine:${name}`
  local = await startStepFunctions({
    dataDir: folder,
    port: 0,
    stateMachines: all.map((run) => ({
      name: run.name,
      arn: arnOf(run),
      definition: playable(run),
    })),
    async invokeLambda(arn, payload) {
      const answer = answerOf(all, arn, JSON.stringify(payload))
      if (!answer) return new Promise(() => {})
      return { payload: answer.payload, ...(answer.isError && { functionError: 'Unhandled' }) }
    },
    mediaConvert: 'http://127.0.0.1:9',
  })
  return playAll(clientOf(local.url), all, arnOf)
}

const playByMoto = async (all: Run[]) => {
  functions = createServer(async (request, response) => {
    const answer = answerOf(all, request.url ?? '', await text(request))
    // Left open: the task's time is over before its function has answered.
    if (!answer) return
    response.writeHead(answer.isError ? 500 : 200).end(JSON.stringify(answer.payload))
  })
  functions.listen(0, '127.0.0.1')
  await once(functions, 'listening')
  const { port } = functions.address() as AddressInfo
  moto = await startMoto(`http://127.0.0.1:${port}`)
  const client = clientOf(moto.url)
  return playAll(client, all, (run) => createMachine(client, run))
}

/** What a run shows of a move: how often the function was called at the first visit, and what came next. */
const shown = ({ path, calls }: Played, state: string): Pick<Move, 'calls' | 'next'> => {
  const first = calls.findIndex((call) => call.state === state)
  const after = calls.findIndex((call, index) => index > first && call.state !== state)
  return {
    calls: first < 0 ? 0 : (after < 0 ? calls.length : after) - first,
    next: path[path.indexOf(state) + 1],
  }
}

describe.each(machines)('$name', (machine) => {
  const own = cases.filter((one) => one.machine === machine)

  it.each(own)('$title: both interpreters do what the file says, and agree', (one) => {
    const [here, there] = [byLocal.get(nameOf(one)), byMoto.get(nameOf(one))]
    const { calls, next } = one.move
    expect(here && shown(here, one.state)).toEqual({ calls, next })
    expect(there && shown(there, one.state)).toEqual({ calls, next })
    expect(there).toEqual(here)
  })

  it.each(Object.entries(machine.definition.States))(
    '%s: no Retry and no Catch was left out',
    (name, state) => {
      const moves = own.filter((one) => one.state === name).map(({ move }) => move)
      const taken = (what: 'retrier' | 'catcher') =>
        new Set(moves.flatMap(({ [what]: index = -1 }) => (index < 0 ? [] : [index])))
      expect(taken('retrier').size).toBe(state.Retry?.length ?? 0)
      expect(taken('catcher').size).toBe((state.Catch as unknown[] | undefined)?.length ?? 0)
    },
  )
})
