import { totalmem } from 'node:os'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

const DURATION_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20]

/** What is counted; every label comes from a contract or a status, so that callers cannot add series. */
export type Metrics = {
  answered(call: {
    readonly service: string
    readonly status: number
    readonly durationMs: number
  }): void
  refused(code: string): void
  /** Prometheus text format 0.0.4. */
  text(): Promise<string>
}

export const createMetrics = ({
  inFlight,
  sockets,
}: {
  inFlight: () => number
  sockets: () => number
}): Metrics => {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const duration = new Histogram({
    name: 'gateway_request_duration_seconds',
    help: 'From the first byte read to the last byte written',
    labelNames: ['service', 'status'],
    buckets: DURATION_BUCKETS_SECONDS,
    registers,
  })
  const refusals = new Counter({
    name: 'gateway_refusals_total',
    help: 'Answers of the gateway itself, by problem code',
    labelNames: ['code'],
    registers,
  })
  gauge('gateway_requests_in_flight', 'Requests being answered', inFlight, registers)
  gauge('gateway_sockets_open', 'WebSockets being relayed', sockets, registers)
  gauge('process_memory_limit_bytes', 'What the process may take', memoryLimitBytes, registers)
  return {
    answered: ({ service, status, durationMs }) =>
      duration.observe({ service, status: `${Math.floor(status / 100)}xx` }, durationMs / 1_000),
    refused: (code) => refusals.inc({ code }),
    text: () => registry.metrics(),
  }
}

/** The container's limit, or all that the machine has. */
const memoryLimitBytes = () =>
  Math.min(process.constrainedMemory() || Number.POSITIVE_INFINITY, totalmem())

const gauge = (name: string, help: string, read: () => number, registers: Registry[]) =>
  new Gauge({
    name,
    help,
    registers,
    collect() {
      this.set(read())
    },
  })
