import { html, raw } from 'hono/html'
import type { Plot } from './draw.ts'
import { isLeft, type Table } from './table.ts'

export type Markup = ReturnType<typeof html>

/** A table that scrolls by itself where the screen is too narrow for it, by keyboard too. */
export const tableMarkup = (table: Table): Markup => {
  const kind = (column: number) => (isLeft(table, column) ? '' : 'number')
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${table.title}"><table>
<caption>${table.title}</caption>
<thead><tr>${table.head.map((title, column) => html`<th scope="col" class="${kind(column)}">${sentence(title)}</th>`)}</tr></thead>
<tbody>${table.rows.map(
    (row) =>
      html`<tr>${row.map((cell, column) => (column === 0 ? html`<th scope="row">${cell}</th>` : html`<td class="${kind(column)}">${cell}</td>`))}</tr>`,
  )}</tbody></table></div>`
}

/** A plot as a section: the drawing, its sentence, and its numbers for whoever does not see it. */
export const plotMarkup = ({
  title,
  summary,
  numbers,
  svg,
}: Plot): Markup => html`<section><h2>${title}</h2>
<figure><div class="plot" role="img" aria-label="${summary}" tabindex="0">${raw(svg)}</div>
<figcaption>${summary}</figcaption></figure>
<details><summary>The numbers</summary>${numbers.map(tableMarkup)}</details></section>`

/** The figures that a page begins with. */
export const headlineMarkup = (figures: Readonly<Record<string, string>>): Markup =>
  html`<dl class="headline">${Object.entries(figures).map(
    ([name, figure]) => html`<div><dt>${name}</dt><dd>${figure}</dd></div>`,
  )}</dl>`

const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)
