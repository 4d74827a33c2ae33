import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../../../local/free-port.ts'
import { engineFolder } from './folder.ts'
import { type EngineProcess, startEngine } from './process.ts'
import { debianProgram } from './toolbox.ts'

export type Nginx = {
  readonly url: string
  readonly process: EngineProcess
  stop(): Promise<void>
}

/**
 * One nginx worker on the loopback interface: an upstream that costs next to nothing.
 *
 * @param server what stands in its `server` block: locations and what they answer.
 */
export const startNginx = async (server: string): Promise<Nginx> => {
  const program = await debianProgram('nginx', ['nginx-light'])
  const folder = await engineFolder('nginx')
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const config = join(folder.path, 'nginx.conf')
  await writeFile(
    config,
    `daemon off;
master_process off;
pid ${join(folder.path, 'pid')};
error_log stderr;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000000;
  ${TEMPORARY.map((name) => `${name}_temp_path ${join(folder.path, name)};`).join('\n  ')}
  server {
    listen 127.0.0.1:${port};
    ${server}
  }
}
`,
  )
  const process = await startEngine({
    program,
    args: ['-c', config, '-p', folder.path],
    ready: () => fetch(url),
  })
  return {
    url,
    process,
    async stop() {
      await process.stop()
      await folder.remove()
    },
  }
}

const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
