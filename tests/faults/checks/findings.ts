/** What every check adds to. */
export type Findings = {
  lost: number
  doubled: number
  readonly violations: string[]
}
