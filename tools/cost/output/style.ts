/** Plain, printable, and with contrast of 7 to 1 and more. */
export const PAGE_STYLE = `
:root { color-scheme: light; --ink: #222; --soft: #4a4a4a; --line: #d5d5d5; --tint: #f5f7f9; --accent: #00507d }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem 1.25rem 4rem; color: var(--ink); background: #fff; font: 16px/1.55 system-ui, sans-serif }
h1 { margin: 0; font-size: 1.9rem; line-height: 1.2 }
h2 { margin: 2.5rem 0 .75rem; font-size: 1.3rem }
header p { color: var(--soft); max-width: 46rem }
.headline { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .75rem; margin: 1.25rem 0 0 }
.headline div { padding: .75rem 1rem; background: var(--tint); border-left: 4px solid var(--accent) }
h3 { margin: 1.25rem 0 .5rem; font-size: 1.05rem }
dt { font-weight: 600 }
dd { margin: 0 0 .5rem }
.headline dt { color: var(--soft); font-size: .9rem; font-weight: 400 }
.headline dd { margin: 0; font-size: 1.5rem; font-weight: 600; font-variant-numeric: tabular-nums }
figure { margin: 0 }
.plot { overflow-x: auto }
.plot svg { display: block; width: 100%; height: auto; min-width: 36rem }
figcaption { color: var(--soft); max-width: 46rem }
details { margin-top: .75rem }
summary { cursor: pointer; color: var(--accent); font-weight: 600 }
.scroll { overflow-x: auto; margin: .75rem 0 1.25rem }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
table { width: 100%; border-collapse: collapse; font-size: .92rem }
caption { text-align: left; font-weight: 600; padding-bottom: .35rem }
th, td { padding: .3rem .75rem .3rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line) }
thead th { border-bottom: 2px solid var(--ink) }
tbody th { font-weight: 400 }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
code { background: var(--tint); padding: .1em .3em }
@media print { details > * { display: block } .scroll, .plot { overflow: visible } }
`
