import { createServer, type IncomingMessage } from 'node:http'
import { pathToFileURL } from 'node:url'
import type { ALBEvent, ALBResult, Context } from 'aws-lambda'
import { albEvent } from '../../local/balancer/event.ts'

// Ours: a packaged function's HTTP door behind the least that can stand for a balancer and a Lambda runtime. It gives
// each request to the handler as an ALB event, in this process, and the answer back.
const [port, modulePath] = process.argv.slice(2)
const { http }: { http: (event: ALBEvent, context: Context) => Promise<ALBResult> } = await import(
  pathToFileURL(String(modulePath)).href
)

const GROUP = { arn: 'arn:aws:elasticloadbalancing:bench', multiValueHeaders: true }
const context = {
  functionName: 'courseHttp',
  memoryLimitInMB: '512',
  invokedFunctionArn: 'arn:aws:lambda:bench',
  awsRequestId: 'bench',
} as Context

const server = createServer(async (request, response) => {
  const result = await http(await eventOf(request), context)
  const headers = Object.entries(result.multiValueHeaders ?? {}).flatMap(([name, values]) =>
    values.flatMap((value) => [name, String(value)]),
  )
  response.writeHead(result.statusCode, headers)
  response.end(result.body)
})
server.listen(Number(port), '127.0.0.1')

const eventOf = async (request: IncomingMessage): Promise<ALBEvent> => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const headers = Object.entries(request.headers).map(([name, value]): [string, string] => [
    name,
    String(value),
  ])
  const facts = { method: request.method ?? '', path: request.url ?? '', query: [] }
  // It is the event of AWS's type, but for the lists that are only read here.
  return albEvent(GROUP, facts, headers, Buffer.concat(chunks)) as ALBEvent
}
process.on('SIGTERM', () => process.exit(0))
