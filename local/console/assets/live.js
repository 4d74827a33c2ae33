// Keeps the live parts of a page up to date: asks for the page itself again, and takes over what has changed. Without
// this script the page is as it was when it was asked for.
const place = document.getElementById('refresh')
const periodMs = Number(place.dataset.seconds) * 1000
const TIMEOUT_MS = 10000

const pause = document.createElement('button')
pause.type = 'button'
const said = document.createElement('span')
place.append(said, pause)

let isPaused = false
let isSilent = false
let timer
let isAsking = false
/** What the page is about has ended: nothing will change any more. */
let isOver = false

const tell = () => {
  const state = isSilent ? 'The hub does not answer' : `Refreshed every ${place.dataset.seconds} s`
  said.textContent = isOver ? '' : isPaused ? 'Paused' : state
  pause.hidden = isOver
  said.className = isSilent && !isPaused ? 'bad' : 'dim'
  pause.textContent = isPaused ? 'Resume' : 'Pause'
}

const next = () => {
  clearTimeout(timer)
  if (!isPaused && !isOver && !document.hidden) timer = setTimeout(refresh, periodMs)
}

const refresh = async () => {
  if (isAsking) return
  isAsking = true
  try {
    const answer = await fetch(location.href, { signal: AbortSignal.timeout(TIMEOUT_MS) })
    isSilent = !answer.ok
    if (answer.ok && !isPaused)
      show(new DOMParser().parseFromString(await answer.text(), 'text/html'))
  } catch {
    isSilent = true
  }
  isAsking = false
  tell()
  next()
}

const show = (fresh) => {
  isOver = !fresh.getElementById('refresh')
  for (const part of document.querySelectorAll('[data-live]')) {
    const other = fresh.getElementById(part.id)
    if (other) become(part, other)
  }
}

// In place where the shape is the same, so that focus, selection and scroll positions stay; anew where it is not.
const become = (part, other) => {
  if (part.isEqualNode(other)) return
  for (const { name, value } of other.attributes)
    if (part.getAttribute(name) !== value) part.setAttribute(name, value)
  // Whether something is unfolded is the reader's business.
  for (const { name } of [...part.attributes])
    if (!other.hasAttribute(name) && name !== 'open') part.removeAttribute(name)
  const parts = [...part.childNodes]
  const others = [...other.childNodes]
  for (const [at, child] of others.entries()) {
    const own = parts[at]
    if (!own) part.append(document.importNode(child, true))
    else if (own.nodeName !== child.nodeName) own.replaceWith(document.importNode(child, true))
    else if (own.nodeType === Node.ELEMENT_NODE) become(own, child)
    else if (own.nodeValue !== child.nodeValue) own.nodeValue = child.nodeValue
  }
  for (const left of parts.slice(others.length)) left.remove()
}

pause.addEventListener('click', () => {
  isPaused = !isPaused
  tell()
  if (isPaused) clearTimeout(timer)
  else refresh()
})
document.addEventListener('visibilitychange', () => {
  if (document.hidden) clearTimeout(timer)
  else if (!isPaused && !isOver) refresh()
})
tell()
next()
