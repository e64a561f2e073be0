import type { Exemplar } from '../../core/metric.ts'
import type { CommittedTraces } from '../../core/telemetry.ts'
import { classicBoundsUs, classicBucketOf } from './classic-buckets.ts'

/** Parts of stages, each with what is measured of it; those beyond keep none. */
export const maxExemplarSeries = 2_000

/** As plain data, for another process: by series, those of its buckets. */
export type ExemplarData = readonly (readonly [series: string, exemplars: readonly Exemplar[]])[]

/** The last traced record of each bucket: who sees a slow bucket can look at one of its records. */
export class ExemplarStore {
  readonly #series = new Map<string, (Exemplar | undefined)[]>()

  /** Takes what was traced; each id is that of the span of the record's steps, which is always there. */
  add({ pipeline, node, records, committedUs }: CommittedTraces): void {
    const place = `${pipeline}/${node}`
    for (const { traceId, processId: spanId, queuedUs, startUs, endUs } of records) {
      const of = { traceId, spanId, timeUs: committedUs }
      const waitUs = startUs - queuedUs + committedUs - endUs
      this.#put(`run ${place}`, { ...of, valueUs: endUs - startUs })
      this.#put(`wait ${place}`, { ...of, valueUs: waitUs })
    }
  }

  /** @param place `<pipeline>/<part of a stage>`. */
  of(place: string, measured: 'run' | 'wait'): readonly Exemplar[] {
    return this.#of(`${measured} ${place}`)
  }

  toData(): ExemplarData {
    return [...this.#series.keys()].map((series) => [series, this.#of(series)])
  }

  /** Takes over what is newer. */
  addData(data: ExemplarData): void {
    for (const [series, exemplars] of data)
      for (const exemplar of exemplars) this.#put(series, exemplar)
  }

  #of(series: string): readonly Exemplar[] {
    return this.#series.get(series)?.filter((each) => each !== undefined) ?? []
  }

  #put(series: string, exemplar: Exemplar): void {
    let buckets = this.#series.get(series)
    if (buckets === undefined) {
      if (this.#series.size >= maxExemplarSeries) return
      buckets = Array.from({ length: classicBoundsUs.length + 1 }, () => undefined)
      this.#series.set(series, buckets)
    }
    const index = classicBucketOf(exemplar.valueUs)
    const known = buckets[index]
    if (known === undefined || known.timeUs <= exemplar.timeUs) buckets[index] = exemplar
  }
}
