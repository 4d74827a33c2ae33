import { CsvError, parse } from 'csv-parse'
import { compileRules } from '../../../local/balancer/rules.ts'
import { functionKeyOf, type ListenerRule } from '../../../local/template/template.ts'
import { InputError } from '../../measure/input-error.ts'
import { openLog } from './log-file.ts'
import { momentOf } from './moment.ts'
import type { Traffic } from './traffic.ts'

/** A day in seconds: a longer log is cut by who exports it, so that a busy hour is not averaged away. */
const SECONDS_MAX = 86_400

/** Places in a line of a balancer's access log: `request` ("GET https://host:443/path HTTP/1.1"), and two times. */
const REQUEST_FIELD = 12
/** When the answer was sent: with a slow hub, long after the call. */
const TIME_FIELD = 1
const CREATION_FIELD = 21
const FIELDS_MIN = 22
/** What a line begins with: the kind of the connection. */
const NATIVE = /^(https?|h2|grpcs|wss?) /
/** The method of a request that the balancer could not parse ("- http://host:port- -"), and a field that has no value. */
const NONE = '-'

/** The same as columns of an export. */
const REQUEST_COLUMN = 'request_url'
const TIME_COLUMN = 'time'
const CREATION_COLUMN = 'request_creation_time'
const SEPARATORS = [',', ';', '\t'] as const

/**
 * Reads access logs of an Application Load Balancer: as it writes them (fields separated by spaces, packed or not), or as
 * Athena exports its `alb_logs` table (CSV with the columns `request_creation_time` and `request_url`). Both balancers' logs
 * serve; paths choose the function as the internal balancer's rules do.
 *
 * @param files the parts of one log, in any order.
 * @throws InputError with the line that is not one of a log.
 * @see https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html
 */
export const readAccessLog = async (
  files: readonly string[],
  rules: readonly ListenerRule[],
): Promise<Traffic> => {
  const choose = compileRules(rules)
  const counts = new Map<string, Map<number, number>>()
  let [first, last, calls, unmatched] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0]
  let answerTimes = 0
  for await (const { at, path, isAnswerTime } of callsInAll(files)) {
    const second = Math.floor(at / 1_000)
    first = Math.min(first, second)
    last = Math.max(last, second)
    calls += 1
    if (isAnswerTime) answerTimes += 1
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
  const name = files.join(', ')
  if (calls === 0) throw new InputError({ file: name }, 'the access log has no request')
  if (counts.size === 0)
    throw new InputError(
      { file: name },
      `none of ${calls} requests leads to a function; is it the log of another balancer`,
    )
  const seconds = last - first + 1
  if (seconds > SECONDS_MAX)
    throw new InputError(
      { file: name },
      'the access log spans more than a day; export its busiest one',
    )
  return {
    ...{ name, bucketSeconds: 1, covers: 'doors' },
    rates: new Map(
      [...counts].map(([key, perSecond]) => [
        key,
        Array.from({ length: seconds }, (_, index) => perSecond.get(first + index) ?? 0),
      ]),
    ),
    notes: [
      `${calls} requests in ${seconds} s from ${name}.`,
      ...(unmatched > 0 ? [`${unmatched} of them lead to no function and are left out.`] : []),
      ...(answerTimes > 0
        ? [
            `${answerTimes} of them are timed by their answer, which spreads a burst that was answered slowly: export ${CREATION_COLUMN}.`,
          ]
        : []),
    ],
  }
}

type Call = {
  readonly at: number
  /** Whether that is the time of the answer, since nothing tells that of the call. */
  readonly isAnswerTime: boolean
  /** Missing where the balancer could not read the request. */
  readonly path: string | undefined
}

async function* callsInAll(files: readonly string[]): AsyncGenerator<Call> {
  for (const file of files) yield* callsIn(file)
}

async function* callsIn(file: string): AsyncGenerator<Call> {
  const { head, text } = await openLog(file)
  const isExport = head !== '' && !NATIVE.test(head)
  const separator = isExport ? separatorOf(head) : ' '
  if (isExport) requireColumns(file, namesIn(head.split(separator)))
  const records = parse({
    info: true,
    delimiter: separator,
    columns: isExport && namesIn,
    relax_column_count: !isExport,
    skip_empty_lines: true,
    bom: true,
  })
  text.on('error', (error) => records.destroy(error))
  try {
    for await (const { record, info } of text.pipe(records) as AsyncIterable<Parsed>) {
      const place = { file, line: info.lines }
      yield callOf(place, isExport ? columnsOf(record) : fieldsOf(place, Object.values(record)))
    }
  } catch (error) {
    if (error instanceof CsvError)
      throw new InputError(
        { file, line: Number(error.lines) || undefined },
        error.message.replace(/\.$/, ''),
      )
    throw error
  } finally {
    text.destroy()
  }
}

type Parsed = { readonly record: Record<string, string>; readonly info: { readonly lines: number } }
type Line = { readonly file: string; readonly line: number }
type Fields = { readonly url: string; readonly answered: string; readonly created: string }

/** What separates most columns; Excel writes semicolons where a comma stands in numbers. */
const separatorOf = (head: string): string =>
  SEPARATORS.reduce((one, other) =>
    head.split(other).length > head.split(one).length ? other : one,
  )

const namesIn = (columns: readonly string[]): string[] =>
  columns.map((name) =>
    name
      .trim()
      .replace(/^"(.*)"$/, '$1')
      .toLowerCase(),
  )

const requireColumns = (file: string, names: readonly string[]): void => {
  const missing = [
    ...(names.includes(REQUEST_COLUMN) ? [] : [REQUEST_COLUMN]),
    ...(names.includes(CREATION_COLUMN) || names.includes(TIME_COLUMN) ? [] : [CREATION_COLUMN]),
  ]
  if (missing.length > 0)
    throw new InputError(
      { file, line: 1 },
      `this is no line of an access log, and as the columns of a CSV it lacks ${missing.join(' and ')}`,
    )
}

const columnsOf = (record: Readonly<Record<string, string>>): Fields => ({
  url: record[REQUEST_COLUMN] ?? '',
  answered: record[TIME_COLUMN] ?? '',
  created: record[CREATION_COLUMN] ?? '',
})

const fieldsOf = (place: Line, fields: readonly string[]): Fields => {
  if (fields.length < FIELDS_MIN)
    throw new InputError(place, `${fields.length} fields are too few for an access log`)
  const [method, url = ''] = (fields[REQUEST_FIELD] ?? '').split(' ')
  return {
    url: method === NONE ? NONE : url,
    answered: fields[TIME_FIELD] ?? '',
    created: fields[CREATION_FIELD] ?? '',
  }
}

const callOf = (place: Line, { url, answered, created }: Fields): Call => {
  const isAnswerTime = created === '' || created === NONE
  const time = isAnswerTime ? answered : created
  const at = momentOf(time)
  if (Number.isNaN(at)) throw new InputError(place, `"${time}" is no time`)
  if (url === NONE) return { at, isAnswerTime, path: undefined }
  const path = URL.canParse(url) ? new URL(url).pathname : undefined
  if (path === undefined) throw new InputError(place, `"${url}" is no address`)
  return { at, isAnswerTime, path }
}
