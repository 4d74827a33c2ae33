import { html } from 'hono/html'
import type { GraphEdge, GraphNode, MachineGraph, Point } from './graph.ts'
import type { Markup } from './layout.ts'
import type { Visit, VisitStatus } from './visits.ts'

/** A sign, a word, and (in the style sheet) a colour and a line: any one of them tells. */
export const SIGNS: Readonly<Record<VisitStatus | 'none', string>> = {
  running: '● running',
  succeeded: '✓ succeeded',
  failed: '✕ failed',
  caught: '⚠ failed, caught',
  stopped: '■ stopped',
  none: 'not reached',
}

/** A state machine as SVG, with where an execution has been and where it is. */
export const graphSvg = (graph: MachineGraph, visits: readonly Visit[], title: string): Markup => {
  const last = new Map(visits.map((visit) => [visit.state, visit]))
  const counts = Map.groupBy(visits, ({ state }) => state)
  const taken = new Set(visits.slice(1).map((visit, at) => `${visits[at]?.state} ${visit.state}`))
  const width = Math.ceil(graph.width)
  const height = Math.ceil(graph.height)
  return html`<div class="scroll graph" tabindex="0" role="region" aria-label="${title}">
<svg role="img" aria-label="${describe(graph, last)}" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>
${graph.edges.map((edge) => edgeSvg(edge, taken.has(`${edge.from} ${edge.to}`)))}
${graph.nodes.map((node) => nodeSvg(node, last.get(node.name), counts.get(node.name)?.length ?? 0))}
</svg></div>`
}

const describe = (graph: MachineGraph, last: ReadonlyMap<string, Visit>): string =>
  graph.nodes
    .map(({ name }) => `${name}: ${(SIGNS[last.get(name)?.status ?? 'none']).replace(/^\W+/, '')}`)
    .join('; ')

const edgeSvg = ({ kind, points }: GraphEdge, isTaken: boolean): Markup =>
  html`<path class="edge ${kind}${isTaken ? ' taken' : ''}" d="${curve(points)}" marker-end="url(#tip)"/>`

const nodeSvg = (
  { name, x, y, width, height }: GraphNode,
  visit: Visit | undefined,
  count: number,
): Markup => {
  const status = visit?.status ?? 'none'
  const tries = visit && visit.attempts > 1 ? `, try ${visit.attempts}` : ''
  const times = count > 1 ? `, ${count} times` : ''
  const left = (x - width / 2).toFixed(1)
  const top = (y - height / 2).toFixed(1)
  return html`<g class="node ${status}"><rect x="${left}" y="${top}" width="${width}" height="${height}" rx="8"/>
<text x="${x.toFixed(1)}" y="${(y - 4).toFixed(1)}" class="name">${name}</text>
<text x="${x.toFixed(1)}" y="${(y + 14).toFixed(1)}">${SIGNS[status]}${tries}${times}</text></g>`
}

/** Through the points that the layout gives, with rounded corners. */
const curve = (points: readonly Point[]): string => {
  const at = ({ x, y }: Point) => `${x.toFixed(1)} ${y.toFixed(1)}`
  const [first, ...rest] = points
  const end = rest.at(-1)
  if (!first || !end) return ''
  const middles = rest.slice(0, -1).map((point, index) => {
    const next = rest[index + 1] ?? end
    const isLast = index === rest.length - 2
    const target = isLast ? end : { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 }
    return `Q${at(point)} ${at(target)}`
  })
  return `M${at(first)}${middles.length > 0 ? middles.join('') : `L${at(end)}`}`
}
