type Part = { stop(): Promise<void> }

/** One part that several contenders stand on: the first starts it, the last stops it. */
export const shared = <P extends Part>(start: () => Promise<P>): (() => Promise<P>) => {
  let part: Promise<P> | undefined
  let users = 0
  return async () => {
    users += 1
    part ??= start()
    const started = await part
    return {
      ...started,
      async stop() {
        users -= 1
        if (users > 0) return
        part = undefined
        await started.stop()
      },
    }
  }
}
