import { fileURLToPath } from 'node:url'
import { freePort } from '../../local/free-port.ts'
import { startHaproxy } from '../../tests/support/engines/haproxy.ts'
import { startEngine } from '../../tests/support/engines/process.ts'
import type { Bench, Contender, Running } from '../harness/bench.ts'
import { AUDIENCE, createCallers, PUBLIC_URL } from './callers.ts'
import { startGateway } from './contender.ts'
import { callsOf, roundOf, STRICT_PATH } from './load.ts'
import { startUpstream } from './upstream.ts'

/** Nobody is over this one. */
const LIMIT = 1_000_000
const STRICT_LIMIT = 1

const hub: Contender = {
  name: 'hub',
  async start() {
    const people = await createCallers()
    const calls = callsOf(people)
    const { url, pid, stop } = await startGateway(people, {
      limit: LIMIT,
      strictLimit: STRICT_LIMIT,
    })
    return { round: () => roundOf({ url, pid, calls, refuses: true }), stop }
  },
}

const haproxy: Contender = {
  name: 'HAProxy',
  async start() {
    const people = await createCallers()
    const calls = callsOf(people)
    const upstream = await startUpstream(people)
    const { url, process, stop } = await startHaproxy({
      upstream: upstream.url,
      publicKey: people.publicPem,
      issuer: PUBLIC_URL,
      audience: AUDIENCE,
      limit: LIMIT,
      stricter: { path: STRICT_PATH, limit: STRICT_LIMIT },
    })
    return {
      round: () => roundOf({ url, pid: process.pid, calls, refuses: true }),
      stop: inOrder(stop, upstream.stop),
    }
  },
}

const bare: Contender = {
  name: 'http-proxy',
  async start() {
    const people = await createCallers()
    const calls = callsOf(people)
    const upstream = await startUpstream(people)
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const program = fileURLToPath(new URL('bare-http-proxy.ts', import.meta.url))
    const { pid, stop } = await startEngine({
      program: process.execPath,
      args: ['--no-warnings', program, String(port), upstream.url],
      ready: () => fetch(url),
    })
    return {
      round: () => roundOf({ url, pid, calls, refuses: false }),
      stop: inOrder(stop, upstream.stop),
    }
  },
}

const inOrder =
  (...steps: readonly (() => Promise<void>)[]): Running['stop'] =>
  async () => {
    for (const step of steps) await step()
  }

export const gateway: Bench = {
  name: 'gateway',
  title:
    'The gateway with all its duties, against HAProxy 2.6 with those that it knows, and against http-proxy 1.18 without any.',
  rounds: 3,
  contenders: [hub, haproxy, bare],
  goals: [
    { metric: 'cpuMicroseconds', against: 'HAProxy', atMost: 1 },
    { metric: 'rps', against: 'http-proxy', atLeast: 1.4 },
  ],
  notes: [
    'Load: GETs of 20 people over 32 connections; 5 % hold a token of a foreign key (401), 2 % are over their limit (429). ' +
      'Behind stands nginx with 60 bytes of JSON. `rps`, and `cpuMicroseconds` per request of the proxy’s process: wrk. ' +
      '`p50Ms` and `p99Ms`: vegeta, on a schedule of half the rps of the same round.',
    'Ours routes by the contracts, verifies the RS256 token, looks up session and grants, counts the call, mints the ' +
      'internal token, names and logs the request, keeps metrics and a circuit breaker.',
    'HAProxy verifies the RS256 token (`jwt_verify`) with its issuer, audience and end, counts the call in a stick table, ' +
      'names and logs the request. It knows neither sessions nor grants nor contracts, and mints nothing.',
    'Limit, by the CPU profile (`BENCH_CPU_PROF=<folder>`): Node’s HTTP server, undici and the kernel’s writes are two ' +
      'thirds of a request; all duties together are a quarter, of which the log line, the headers and the ids cost most. ' +
      'Without any duty it would still stand above HAProxy, which parses and writes in C.',
    'http-proxy only passes on, and also answers the 7 %.',
  ],
}
