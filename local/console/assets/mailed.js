// Sends the token of a mail's link, once its reader asks for it.
const form = document.getElementById('mailed')
form.addEventListener('submit', async (event) => {
  event.preventDefault()
  const body = JSON.stringify(Object.fromEntries(new FormData(form)))
  const answer = await fetch(form.dataset.operation, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json' },
  })
  const problem = answer.ok ? undefined : await answer.json()
  document.getElementById('said').textContent = problem ? problem.detail : 'Done.'
})
