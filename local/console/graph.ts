import { Graph, layout } from '@dagrejs/dagre'
import {
  type Definition,
  innerDefinitions,
  placedStates,
  type State,
} from '../step-functions/definition.ts'

export type Point = { readonly x: number; readonly y: number }

export type GraphNode = Point & {
  readonly name: string
  readonly type: string
  readonly width: number
  readonly height: number
}

export type GraphEdge = {
  readonly from: string
  readonly to: string
  /** `next`: in the ordinary course; `catch`: after an error. */
  readonly kind: 'next' | 'catch'
  readonly points: readonly Point[]
}

/** A state machine laid out in pixels, from the upper left. */
export type MachineGraph = {
  readonly width: number
  readonly height: number
  readonly nodes: readonly GraphNode[]
  readonly edges: readonly GraphEdge[]
}

export const NODE_HEIGHT = 46
const CHARACTER_WIDTH = 7.8
const NODE_WIDTH_MIN = 120
const MARGIN = 12

/** Lays out every state, those within branches and maps too, which hang from the state that they lie in. */
export const graphOf = (definition: Definition): MachineGraph => {
  const states = placedStates(definition)
  const graph = new Graph()
  graph.setGraph({
    rankdir: 'TB',
    nodesep: 20,
    edgesep: 12,
    ranksep: 40,
    marginx: MARGIN,
    marginy: MARGIN,
  })
  graph.setDefaultEdgeLabel(() => ({}))
  for (const { name } of states)
    graph.setNode(name, {
      width: Math.max(NODE_WIDTH_MIN, Math.ceil(name.length * CHARACTER_WIDTH) + 20),
      height: NODE_HEIGHT,
    })
  const ways = states.flatMap(({ name, state }) => waysOutOf(name, state))
  // The ordinary course stays straight and short; errors go around it.
  for (const { from, to, kind } of ways)
    graph.setEdge(from, to, { weight: kind === 'next' ? 8 : 1 })
  layout(graph)
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number }
  return {
    width,
    height,
    nodes: states.map(({ name, state }) => {
      const { x, y, width: nodeWidth, height: nodeHeight } = graph.node(name) as GraphNode
      return { name, type: state.Type, x, y, width: nodeWidth, height: nodeHeight }
    }),
    edges: ways.map((way) => ({
      ...way,
      points: (graph.edge(way.from, way.to) as { points: readonly Point[] }).points,
    })),
  }
}

type Way = Pick<GraphEdge, 'from' | 'to' | 'kind'>

/** Each target once: as `next` where it is that at all. */
const waysOutOf = (from: string, state: State): readonly Way[] => {
  const next = [
    ...named(state, 'Next'),
    ...named(state, 'Default'),
    ...listed(state, 'Choices').flatMap((choice) => named(choice, 'Next')),
    ...innerDefinitions(state).map(({ StartAt }) => StartAt),
  ]
  const caught = listed(state, 'Catch').flatMap((catcher) => named(catcher, 'Next'))
  const nextOnce = [...new Set(next)]
  const caughtOnce = [...new Set(caught)].filter((to) => !nextOnce.includes(to))
  return [
    ...nextOnce.map((to) => ({ from, to, kind: 'next' as const })),
    ...caughtOnce.map((to) => ({ from, to, kind: 'catch' as const })),
  ]
}

type Fields = Readonly<Record<string, unknown>>

const named = (fields: Fields, name: string): readonly string[] =>
  typeof fields[name] === 'string' ? [fields[name]] : []

const listed = (fields: Fields, name: string): readonly Fields[] =>
  Array.isArray(fields[name]) ? fields[name] : []
