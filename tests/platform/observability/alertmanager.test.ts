import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { parse } from 'yaml'
import * as z from 'zod'
import { debianProgram, run } from '../../support/engines/toolbox.ts'

// What Terraform has written for Alertmanager: valid, and each alert reaches whom it should.

const stateSchema = z.object({
  values: z.object({
    outputs: z.object({
      alertmanager_configuration: z.object({ value: z.string() }),
      alarm_topic_arn: z.object({ value: z.string() }),
    }),
  }),
})

const { outputs } = stateSchema.parse(
  JSON.parse(readFileSync(join(process.env.HUB_OBSERVABILITY ?? '', 'state.json'), 'utf8')),
).values
const text = outputs.alertmanager_configuration.value

let amtool: string
let temporary: string
let file: string
beforeAll(async () => {
  amtool = await debianProgram('amtool', ['prometheus-alertmanager'])
  temporary = await mkdtemp(join(tmpdir(), 'hub-alertmanager-'))
  file = join(temporary, 'alertmanager.yaml')
  await writeFile(file, text)
})
afterAll(() => rm(temporary, { recursive: true, force: true }))

const routeOf = async (...labels: readonly string[]) =>
  (await run(amtool, ['config', 'routes', 'test', `--config.file=${file}`, ...labels])).trim()

describe('Alertmanager', () => {
  it('understands its configuration', async () => {
    expect(await run(amtool, ['check-config', file])).toContain('SUCCESS')
    await writeFile(
      join(temporary, 'broken.yaml'),
      text.replace('receiver: pages', 'receiver: gone'),
    )
    await expect(run(amtool, ['check-config', join(temporary, 'broken.yaml')])).rejects.toThrow(
      'gone',
    )
  })

  it('tells pages and tickets apart', async () => {
    expect(await routeOf('alertname=AppAway', 'severity=page')).toBe('pages')
    expect(await routeOf('alertname=PodCpu', 'severity=ticket')).toBe('tickets')
    // An alert that forgot its severity is heard all the same.
    expect(await routeOf('alertname=New')).toBe('tickets')
  })

  it('sends both to the topic of AWS’s alarms', () => {
    const { receivers } = parse(text) as {
      receivers: { name: string; sns_configs: { topic_arn: string; send_resolved: boolean }[] }[]
    }
    expect(receivers.map(({ name }) => name)).toEqual(['pages', 'tickets'])
    for (const { sns_configs } of receivers)
      expect(sns_configs).toMatchObject([
        { topic_arn: outputs.alarm_topic_arn.value, send_resolved: true },
      ])
  })
})
