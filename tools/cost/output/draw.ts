import * as vega from 'vega'
import { compile, type TopLevelSpec } from 'vega-lite'
import type { Table } from './table.ts'

/** A drawing with the sentence and the numbers that stand for it. */
export type Plot = {
  readonly title: string
  readonly summary: string
  readonly numbers: readonly Table[]
  readonly svg: string
}

/** A plot before it is drawn. */
export type Drawing = Omit<Plot, 'svg'> & { readonly spec: TopLevelSpec }

export const PLOT_WIDTH_PX = 760
/** Text and thin lines. */
export const INK = '#222222'
const LABEL_PX_MAX = 260
const config: TopLevelSpec['config'] = {
  background: 'transparent',
  // A screen reader gets one sentence and the table, not every mark.
  aria: false,
  font: 'system-ui, sans-serif',
  axis: {
    labelColor: INK,
    titleColor: INK,
    labelFontSize: 13,
    titleFontSize: 13,
    labelLimit: LABEL_PX_MAX,
    gridColor: '#dddddd',
    domainColor: '#888888',
  },
  legend: {
    labelColor: INK,
    titleColor: INK,
    labelFontSize: 13,
    titleFontSize: 13,
    symbolType: 'square',
    labelLimit: LABEL_PX_MAX,
  },
  header: { labelColor: INK, titleColor: INK, labelFontSize: 13 },
  text: { color: INK, fontSize: 12 },
  view: { stroke: null },
}

/** A specification that has to be guessed at is a mistake of ours. */
const STRICT: ReturnType<typeof vega.logger> = Object.assign(vega.logger(vega.Warn), {
  warn: (...texts: readonly unknown[]): never => {
    throw new Error(`vega-lite: ${texts.join(' ')}`)
  },
})

/** The drawing's sentence stands for all of its marks. */
const MARK_ROLES = / (?:role|aria-[a-z]+)="[^"]*"/g

export const drawn = async ({ spec, ...texts }: Drawing): Promise<Plot> => ({
  ...texts,
  svg: await draw(spec),
})

/** As SVG, without a browser. */
const draw = async (spec: TopLevelSpec): Promise<string> => {
  const view = new vega.View(
    vega.parse(compile({ ...spec, config, padding: 4 }, { logger: STRICT }).spec),
    {
      renderer: 'none',
    },
  )
  const svg = await view.toSVG()
  view.finalize()
  return svg.replace(MARK_ROLES, '').replace('<svg ', '<svg aria-hidden="true" ')
}
