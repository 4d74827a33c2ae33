import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { openBus } from '../../shared/bus/open.ts'
import { contracts } from '../../shared/contracts/catalogue.ts'
import { toOpenApi } from '../../shared/http/openapi.ts'
import { systemClock } from '../../shared/kernel/time.ts'
import { describeError } from '../../shared/observe/logger.ts'
import { type Config, readConfig } from './config.ts'
import { listenOn } from './listener.ts'
import { createLineLog } from './log.ts'
import { createGateway, type Gateway } from './service.ts'

const log = createLineLog((lines) => process.stdout.write(lines), systemClock)

// What nobody caught leaves the process in an unknown state: it says why and goes; its supervisor starts another.
for (const fault of ['uncaughtException', 'unhandledRejection'] as const)
  process.on(fault, (error) => {
    log.error('gateway failed', describeError(error))
    log.flush()
    process.exit(1)
  })

const config = readConfigOrExit()
const bus = await openBus(config, { log })
const gateway = await createGateway({
  config,
  contracts: Object.values(contracts),
  openApi: await openApiText(config),
  bus,
  clock: systemClock,
  log,
})
const listener = await listenOn(gateway, {
  port: config.PORT,
  host: config.HOST,
  clientTimeoutMs: config.CLIENT_TIMEOUT_MS,
  drainDelayMs: config.DRAIN_DELAY_MS,
  drainMsMax: config.DRAIN_MS_MAX,
}).catch((error: unknown) => exit('the port cannot be had', error))
if (config.METRICS_PORT !== undefined) serveMetrics(gateway, config.METRICS_PORT, config.HOST)
log.info('gateway listening', { port: listener.port })

let isEnding = false
for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.on(signal, async () => {
    if (isEnding) return
    isEnding = true
    log.info('gateway draining', { signal, inFlight: gateway.inFlight() })
    const isDone = await listener.drain()
    await gateway.close()
    await bus.close()
    log.info('gateway ended', { isDone })
    log.flush()
    process.exit(0)
  })

function readConfigOrExit(): Readonly<Config> {
  try {
    // biome-ignore lint/style/noProcessEnv: the one place of this process that reads its environment
    return readConfig(process.env)
  } catch (error) {
    return exit('the environment is not right', error)
  }
}

async function openApiText({ OPENAPI_FILE, PUBLIC_URL }: Config): Promise<string> {
  if (OPENAPI_FILE !== undefined) return readFile(OPENAPI_FILE, 'utf8')
  return JSON.stringify(toOpenApi(Object.values(contracts), { serverUrl: PUBLIC_URL }))
}

function serveMetrics({ metrics }: Gateway, port: number, host: string): void {
  const server = createServer(async (request, response) => {
    if (request.url !== '/metrics') return void response.writeHead(404).end()
    const text = await metrics.text()
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(text)
  })
  server.on('error', (error) => log.warn('no metrics', describeError(error)))
  server.listen({ port, host })
  server.unref()
}

function exit(message: string, error: unknown): never {
  log.error(message, describeError(error))
  log.flush()
  process.exit(1)
}
