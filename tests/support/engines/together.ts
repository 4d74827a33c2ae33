type Started = { stop(): Promise<unknown> }

/**
 * Engines that are starting at the same time, once all of them are there.
 *
 * Where one does not start, those that do are stopped before its error is thrown: what is left running would keep a
 * suite from its end, and hide the reason.
 *
 * @throws the first error of the starts.
 */
export const startTogether = async <Engines extends readonly Started[]>(
  starting: readonly [...{ [Index in keyof Engines]: Promise<Engines[Index]> }],
): Promise<Engines> => {
  try {
    return (await Promise.all(starting)) as unknown as Engines
  } catch (error) {
    for (const each of await Promise.allSettled(starting))
      if (each.status === 'fulfilled') await each.value.stop()
    throw error
  }
}
