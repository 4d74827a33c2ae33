import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from '@jest/globals'
import { parse } from 'yaml'
import { type EventType, producerOf, producers } from '../../shared/events/registry.ts'
import { consumerGroupOf, topicOf } from '../../shared/events/topics.ts'

// The event registry against the code: what is declared is emitted, what is heard is declared and subscribed.

const root = fileURLToPath(new URL('../..', import.meta.url))

/** One service as the rules below see it. */
type Heard = {
  readonly service: string
  readonly hears: readonly string[]
  readonly mappings: readonly Mapping[]
}

type Mapping = { readonly topic: string; readonly consumerGroupId: string }

const complaints = ({ service, hears, mappings }: Heard, declared: readonly string[]): string[] => {
  const topics = mappings.map(({ topic }) => topic)
  const unknown = hears.filter((type) => !declared.includes(type))
  const known = hears.filter((type) => declared.includes(type))
  const wanted = new Set(known.map((type) => topicOf(producerOf(type as EventType))))
  return [
    ...unknown.map((type) => `${service} hears ${type}, which nobody declares`),
    ...[...wanted]
      .filter((topic) => !topics.includes(topic))
      .map((topic) => `${service} lacks ${topic}`),
    ...topics
      .filter((topic) => !wanted.has(topic))
      .map((topic) => `${service} subscribes ${topic} for nothing`),
    // A role lets its services into groups by this name.
    ...mappings
      .filter(({ topic, consumerGroupId }) => consumerGroupId !== groupOf(service, topic))
      .map(({ topic, consumerGroupId }) => `${service} reads ${topic} as ${consumerGroupId}`),
  ]
}

const groupOf = (service: string, topic: string): string | undefined =>
  Object.keys(producers)
    .filter((producer) => topicOf(producer) === topic)
    .map((producer) => consumerGroupOf(service, producer))[0]

const services = readdirSync(join(root, 'functions')).filter((name) => name !== 'outbox-publisher')
const declaredTypes = Object.values(producers).flatMap((events) => Object.keys(events))

const hearingOf = async (name: string): Promise<Heard> => {
  const module: Record<string, unknown> = await import(join(root, 'functions', name, 'service.ts'))
  const service = Object.values(module).find(
    (value): value is { reactions?: object } =>
      typeof value === 'object' && value !== null && 'contract' in value,
  )
  return { service: name, hears: Object.keys(service?.reactions ?? {}), mappings: mappingsOf(name) }
}

const mappingsOf = (name: string): Mapping[] => {
  const functions: Record<string, { events?: { msk?: Mapping }[] }> = parse(
    readFileSync(join(root, 'functions', name, 'function.yml'), 'utf8'),
  )
  return Object.values(functions).flatMap(({ events }) =>
    (events ?? []).flatMap(({ msk }) => (msk ? [msk] : [])),
  )
}

const sourceBelow = (folder: string): string =>
  readdirSync(folder)
    .map((name) => join(folder, name))
    .map((path) =>
      statSync(path).isDirectory()
        ? sourceBelow(path)
        : path.endsWith('.ts') && !path.endsWith('.test.ts')
          ? readFileSync(path, 'utf8')
          : '',
    )
    .join('\n')

const readingCourse = (consumerGroupId: string): Mapping => ({
  ...{ topic: 'hub.course.v1', consumerGroupId },
})

describe('the event registry', () => {
  it('declares every type once', () => {
    expect(new Set(declaredTypes).size).toBe(declaredTypes.length)
  })

  it('names types as something that happened to something', () => {
    expect(declaredTypes.filter((type) => !/^[a-z]+\.[a-z]+(_[a-z]+)*$/.test(type))).toEqual([])
  })

  it('declares nothing that nobody emits', () => {
    const emitted = sourceBelow(join(root, 'functions')) + sourceBelow(join(root, 'workflows'))
    expect(declaredTypes.filter((type) => !emitted.includes(`'${type}'`))).toEqual([])
  })

  it.each(services)('agrees with what %s hears and subscribes', async (name) => {
    expect(complaints(await hearingOf(name), declaredTypes)).toEqual([])
  })

  it.each([
    [
      { hears: ['course.exploded'], mappings: [] },
      ['x hears course.exploded, which nobody declares'],
    ],
    [{ hears: ['course.published'], mappings: [] }, ['x lacks hub.course.v1']],
    [
      { hears: [], mappings: [readingCourse('hub.x.course')] },
      ['x subscribes hub.course.v1 for nothing'],
    ],
    [
      { hears: ['course.published'], mappings: [readingCourse('hub.x')] },
      ['x reads hub.course.v1 as hub.x'],
    ],
    [{ hears: ['course.published'], mappings: [readingCourse('hub.x.course')] }, []],
  ])('finds a planted %j', (heard, expected) => {
    expect(complaints({ service: 'x', ...heard }, declaredTypes)).toEqual(expected)
  })
})
