/** A table before it is drawn: the same for a terminal and for a page. */
export type Table = {
  readonly title: string
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** Columns of words, which begin at the left; the others hold numbers. */
  readonly left?: readonly number[]
}

export const isLeft = ({ left = [0] }: Table, column: number): boolean => left.includes(column)

/** For a terminal, without the title: a rule below the head. */
export const columns = (table: Table): string => {
  const { head, rows } = table
  const widths = head.map((title, index) =>
    Math.max(title.length, ...rows.map((row) => row[index]?.length ?? 0)),
  )
  const line = (cells: readonly string[]) =>
    widths
      .map((width, index) => {
        const cell = cells[index] ?? ''
        return isLeft(table, index) ? cell.padEnd(width) : cell.padStart(width)
      })
      .join('  ')
      .trimEnd()
  const rule = widths.map((width) => '─'.repeat(width)).join('  ')
  return [line(head), rule, ...rows.map(line)].join('\n')
}

/** The same below its title. */
export const titled = (table: Table): string => `${table.title}\n\n${columns(table)}`
