import { rm } from 'node:fs/promises'
import './global-setup.ts'

export default async function globalTeardown(): Promise<void> {
  const running = globalThis.hubTestPostgres
  if (!running) return
  await running.pooler?.stop()
  await running.server.stop()
  await rm(running.dataDir, { recursive: true, force: true })
}
