import { startVersityGateway } from '../support/engines/versitygw.ts'
import { runJest, type Stage } from '../support/stages.ts'

/** What the services rely on, and the services themselves, on an S3 server that is none of ours. */
export const storage: Stage = {
  name: 'storage',
  async run() {
    const s3 = await startVersityGateway()
    try {
      return await runJest(SUITES, {
        S3_CONFORMANCE_URL: s3.url,
        S3_CONFORMANCE_ACCESS_KEY: s3.accessKeyId,
        S3_CONFORMANCE_SECRET_KEY: s3.secretAccessKey,
        S3_CONFORMANCE_REGION: s3.region,
      })
    } finally {
      await s3.stop()
    }
  },
}

const SUITES = [
  'local/s3/(conformance|refusals).test',
  'functions/(media|video-processing|certificate)/service.test',
  'workflows/[^/]+/workflow.test',
]
