/** How a worker shows itself to the others. */
export interface WorkerIdentity {
  /** For messages: host and process. */
  readonly worker: string
  /** Static membership; null for none. */
  readonly instanceId: string | null
  /** After so long without a sign of life others get its tasks; null: as long as is usual. */
  readonly sessionTimeoutMs: number | null
}
