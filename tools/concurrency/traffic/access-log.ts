import { createReadStream } from 'node:fs'
import { CsvError, parse } from 'csv-parse'
import { compileRules } from '../../../local/balancer/rules.ts'
import { functionKeyOf, type ListenerRule } from '../../../local/template/template.ts'
import { InputError } from '../../measure/input-error.ts'
import type { Traffic } from './traffic.ts'

/** A day in seconds: a longer log is cut by who exports it, so that a busy hour is not averaged away. */
const SECONDS_MAX = 86_400

/** Places in a line of a balancer's access log: `time` and `request` ("GET https://host:443/path HTTP/1.1"). */
const TIME_FIELD = 1
const REQUEST_FIELD = 12
const FIELDS_MIN = 13
/** The method of a request that the balancer could not parse ("- http://host:port- -"). */
const UNREADABLE = '-'

/**
 * Reads access logs of an Application Load Balancer: as it writes them (fields separated by spaces), or as Athena
 * exports its `alb_logs` table (CSV with the columns `time` and `request_url`). Both balancers' logs serve; paths choose
 * the function as the internal balancer's rules do.
 *
 * @throws InputError with the line that is not one of a log.
 * @see https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html
 */
export const readAccessLog = async (
  file: string,
  rules: readonly ListenerRule[],
): Promise<Traffic> => {
  const choose = compileRules(rules)
  const counts = new Map<string, Map<number, number>>()
  let [first, last, calls, unmatched] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0]
  for await (const { at, path } of callsIn(file)) {
    const second = Math.floor(at / 1_000)
    first = Math.min(first, second)
    last = Math.max(last, second)
    calls += 1
    const facts = { method: 'GET', path: path ?? '', query: [], headers: [], sourceIp: '127.0.0.1' }
    const rule = choose(facts)
    if (!rule || !('targetGroup' in rule)) {
      unmatched += 1
      continue
    }
    const key = functionKeyOf(rule.targetGroup.functionName)
    const perSecond = counts.get(key) ?? new Map<number, number>()
    perSecond.set(second, (perSecond.get(second) ?? 0) + 1)
    counts.set(key, perSecond)
  }
  if (calls === 0) throw new InputError({ file }, 'the access log has no request')
  const seconds = last - first + 1
  if (seconds > SECONDS_MAX)
    throw new InputError({ file }, 'the access log spans more than a day; export its busiest one')
  return {
    ...{ name: file, bucketSeconds: 1, covers: 'doors' },
    rates: new Map(
      [...counts].map(([key, perSecond]) => [
        key,
        Array.from({ length: seconds }, (_, index) => perSecond.get(first + index) ?? 0),
      ]),
    ),
    notes: [
      `${calls} requests in ${seconds} s from ${file}.`,
      ...(unmatched > 0 ? [`${unmatched} of them lead to no function and are left out.`] : []),
    ],
  }
}

/** `path` is missing where the balancer could not read the request. */
type Call = { readonly at: number; readonly path: string | undefined }

async function* callsIn(file: string): AsyncGenerator<Call> {
  const isExport = await hasHeader(file)
  const records = createReadStream(file).pipe(
    parse({
      info: true,
      delimiter: isExport ? ',' : ' ',
      columns: isExport,
      relax_column_count: !isExport,
      skip_empty_lines: true,
      bom: true,
    }),
  )
  try {
    for await (const { record, info } of records as AsyncIterable<Parsed>) {
      const place = { file, line: info.lines }
      yield isExport
        ? callOf(place, String(record.time ?? ''), String(record.request_url ?? ''))
        : callOf(place, ...nativeFields(place, record as unknown as readonly string[]))
    }
  } catch (error) {
    if (error instanceof CsvError)
      throw new InputError(
        { file, line: Number(error.lines) || undefined },
        error.message.replace(/\.$/, ''),
      )
    throw error
  }
}

type Parsed = { readonly record: Record<string, string>; readonly info: { readonly lines: number } }
type Line = { readonly file: string; readonly line: number }

const nativeFields = (place: Line, fields: readonly string[]): [time: string, url: string] => {
  if (fields.length < FIELDS_MIN)
    throw new InputError(place, `${fields.length} fields are too few for an access log`)
  const [method, url = ''] = (fields[REQUEST_FIELD] ?? '').split(' ')
  return [fields[TIME_FIELD] ?? '', method === UNREADABLE ? UNREADABLE : url]
}

const callOf = (place: Line, time: string, url: string): Call => {
  const at = Date.parse(time)
  if (Number.isNaN(at)) throw new InputError(place, `"${time}" is no time`)
  if (url === UNREADABLE) return { at, path: undefined }
  const path = URL.canParse(url) ? new URL(url).pathname : undefined
  if (path === undefined) throw new InputError(place, `"${url}" is no address`)
  return { at, path }
}

/** Whether the first line names columns, as an export does. */
const hasHeader = async (file: string): Promise<boolean> => {
  const stream = createReadStream(file, { encoding: 'utf8', end: 4_095 })
  try {
    for await (const chunk of stream) {
      const [head = ''] = String(chunk).split('\n')
      return /(^|,)"?request_url"?(,|\r?$)/.test(head)
    }
    return false
  } catch {
    throw new InputError({ file }, 'the file cannot be read')
  }
}
