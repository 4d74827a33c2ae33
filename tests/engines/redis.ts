import { makeCertificate } from '../support/engines/certificate.ts'
import { engineFolder } from '../support/engines/folder.ts'
import { runJest, type Stage } from '../support/stages.ts'

/** The gateway's limits, and what does not depend on them, on a Redis cluster of three shards behind TLS. */
export const redisCluster: Stage = {
  name: 'redis-cluster',
  async run() {
    const folder = await engineFolder('certificate')
    try {
      const { keyFile, certificateFile } = await makeCertificate(folder.path)
      return await runJest(['tests/engines/redis-cluster.test'], {
        KEY_FILE: keyFile,
        NODE_EXTRA_CA_CERTS: certificateFile,
      })
    } finally {
      await folder.remove()
    }
  },
}
