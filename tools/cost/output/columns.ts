/** A table of text: the first column to the left, the others to the right, a rule below the head. */
export const columns = (
  head: readonly string[],
  rows: readonly (readonly string[])[],
  { left = [0] }: { left?: readonly number[] } = {},
): string => {
  const widths = head.map((title, index) =>
    Math.max(title.length, ...rows.map((row) => row[index]?.length ?? 0)),
  )
  const line = (cells: readonly string[]) =>
    widths
      .map((width, index) => {
        const cell = cells[index] ?? ''
        return left.includes(index) ? cell.padEnd(width) : cell.padStart(width)
      })
      .join('  ')
      .trimEnd()
  const rule = widths.map((width) => '─'.repeat(width)).join('  ')
  return [line(head), rule, ...rows.map(line)].join('\n')
}
