import { expect, it } from '@jest/globals'
import { startTogether } from './together.ts'

const engine = (name: string, stopped: string[]) => ({
  name,
  stop: async () => {
    stopped.push(name)
  },
})

it('gives the engines in the order in which they were named', async () => {
  const stopped: string[] = []
  const late = Promise.withResolvers<ReturnType<typeof engine>>()
  const both = startTogether([late.promise, Promise.resolve(engine('early', stopped))])
  late.resolve(engine('late', stopped))
  expect((await both).map(({ name }) => name)).toEqual(['late', 'early'])
  expect(stopped).toEqual([])
})

it('leaves none running where one does not start: neither one that is there nor one that still comes', async () => {
  const stopped: string[] = []
  const late = Promise.withResolvers<ReturnType<typeof engine>>()
  const all = startTogether([
    Promise.resolve(engine('early', stopped)),
    Promise.reject(new Error('its port is taken')),
    late.promise,
  ])
  late.resolve(engine('late', stopped))
  await expect(all).rejects.toThrow('its port is taken')
  expect(stopped).toEqual(['early', 'late'])
})
