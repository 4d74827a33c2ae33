/** Values by key, iterable in S3's order: by the bytes of the UTF-8 key, which JavaScript's is not. */
export class KeyIndex<T> {
  readonly #values = new Map<string, T>()
  readonly #keys: string[] = []

  get(key: string): T | undefined {
    return this.#values.get(key)
  }

  set(key: string, value: T): void {
    if (!this.#values.has(key)) {
      this.#keys.splice(
        this.#firstNot((other) => compareUtf8(other, key) < 0),
        0,
        key,
      )
    }
    this.#values.set(key, value)
  }

  delete(key: string): void {
    if (!this.#values.delete(key)) return
    this.#keys.splice(
      this.#firstNot((other) => compareUtf8(other, key) < 0),
      1,
    )
  }

  values(): Iterable<T> {
    return this.#values.values()
  }

  /** The first value whose key comes after all keys for which `skip` holds; `skip` is monotonic. */
  firstAfter(skip: (key: string) => boolean): T | undefined {
    const key = this.#keys[this.#firstNot(skip)]
    return key === undefined ? undefined : this.#values.get(key)
  }

  #firstNot(holds: (key: string) => boolean): number {
    let [low, high] = [0, this.#keys.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (holds(this.#keys[middle] as string))
        low = middle + 1 // middle < length
      else high = middle
    }
    return low
  }
}

export const compareUtf8 = (a: string, b: string): number =>
  Buffer.compare(Buffer.from(a), Buffer.from(b))
