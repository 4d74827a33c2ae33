/** Lambda's invoke, as far as a balancer needs it; it rejects when the service refuses. */
export type Invoke = (
  functionName: string,
  payload: string,
  options: { readonly traceId?: string | undefined },
) => Promise<{ readonly payload: string; readonly functionError?: string }>
