import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ListJobsCommand, MediaConvertClient } from '@aws-sdk/client-mediaconvert'
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { DescribeExecutionCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn'
import { expect, it } from '@jest/globals'
import { eventually } from '../../tests/support/eventually.ts'
import { captureGroup, hlsGroup, request, rung } from '../mediaconvert/fixtures/requests.ts'
import { startMediaConvert } from '../mediaconvert/server.ts'
import { startS3 } from '../s3/server.ts'

// The three stand-ins together: a state machine waits for a real transcode while its host is
// killed.

const TEST_MS = 60_000
const credentials = { accessKeyId: 'local', secretAccessKey: 'local-secret' }
const region = 'us-east-1'
const MACHINE_ARN = 'arn:aws:states:us-east-1:000000000000:stateMachine:video'

const definition = {
  StartAt: 'Encode',
  States: {
    Encode: {
      Type: 'Task',
      Resource: 'arn:aws:states:::mediaconvert:createJob.sync',
      Parameters: request('s3://media/in/clip.mp4', [
        hlsGroup('s3://media/out/clip', [
          rung({ modifier: '_1080', height: 1_080, maxBitrate: 6_000_000 }),
        ]),
        captureGroup('s3://media/out/clip', [
          { modifier: '_poster', everySeconds: 1, maxCaptures: 1, width: 320 },
        ]),
      ]),
      ResultSelector: { 'id.$': '$.Job.Id', 'status.$': '$.Job.Status' },
      End: true,
    },
  },
}

it(
  'finds the job it was waiting for after kill -9, and starts no second one',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'create-job-'))
    const s3 = await startS3({
      ...{ dataDir: join(folder, 's3'), port: 0, ...credentials, region, allowedOrigins: [] },
    })
    const s3Access = { endpoint: s3.url, region, credentials }
    const objects = new S3Client({ ...s3Access, forcePathStyle: true })
    await objects.send(new CreateBucketCommand({ Bucket: 'media' }))
    const Body = await readFile(join(import.meta.dirname, '../sample/bigbuckbunny.mp4'))
    await objects.send(new PutObjectCommand({ Bucket: 'media', Key: 'in/clip.mp4', Body }))
    const media = await startMediaConvert({
      dataDir: join(folder, 'media'),
      port: 0,
      s3: s3Access,
      onEvent: () => {},
    })
    const jobs = new MediaConvertClient({ endpoint: media.url, region, credentials })
    const settingsPath = join(folder, 'settings.json')
    const settings = {
      dataDir: join(folder, 'sfn'),
      callsPath: join(folder, 'calls'),
      stateMachines: [{ name: 'video', arn: MACHINE_ARN, definition }],
      mediaConvert: media.url,
    }
    await writeFile(settingsPath, JSON.stringify(settings))
    const first = await host(settingsPath)
    const start = new StartExecutionCommand({ stateMachineArn: MACHINE_ARN, name: 'asset-1' })
    const { executionArn } = await first.client.send(start)
    await eventually(async () => {
      expect((await jobs.send(new ListJobsCommand({}))).Jobs?.[0]?.Status).toBe('PROGRESSING')
    })
    await killed(first.child)
    const second = await host(settingsPath)
    const execution = await eventually(
      async () => {
        const described = await second.client.send(new DescribeExecutionCommand({ executionArn }))
        expect(described.status).not.toBe('RUNNING')
        return described
      },
      { timeoutMs: TEST_MS },
    )
    const { Jobs = [] } = await jobs.send(new ListJobsCommand({}))
    expect(Jobs).toHaveLength(1)
    expect(JSON.parse(String(execution.output))).toEqual({ id: Jobs[0]?.Id, status: 'COMPLETE' })
    await killed(second.child)
    await media.close()
    await s3.close()
    await rm(folder, { recursive: true, force: true })
  },
  TEST_MS,
)

async function host(settingsPath: string): Promise<{ client: SFNClient; child: ChildProcess }> {
  const script = join(import.meta.dirname, 'fixtures/host.ts')
  const stdio: ['ignore', 'pipe', 'inherit'] = ['ignore', 'pipe', 'inherit']
  const child = spawn(process.execPath, [script, settingsPath], { stdio })
  const endpoint = await new Promise<string>((resolve) =>
    child.stdout?.once('data', (chunk: Buffer) => resolve(String(chunk).trim())),
  )
  return { client: new SFNClient({ endpoint, region, credentials, maxAttempts: 1 }), child }
}

function killed(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.kill('SIGKILL')
  })
}
