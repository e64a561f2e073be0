import { z } from 'zod'
import {
  defineSource,
  type EndpointEnvironment,
  type ReadRequest,
  type Source,
  type SourceSlice,
} from '../../core/endpoints.ts'
import type { JsonValue } from '../../core/json.ts'
import { emptyBytes } from '../../core/record-batch.ts'
import { RecordBatchBuilder } from '../../core/record-batch-builder.ts'
import { generators } from '../generating/generators.ts'
import { IndexedRandom } from '../generating/indexed-random.ts'
import { compileTemplate, TemplateError, type Draw } from '../generating/template.ts'

/** The only split. */
const split = 'generate'
/** How long records are gathered into one slice at most, and how much a delayed source catches up. */
const gatherMs = 100
const catchUpMs = 1_000

const rateUnitsMs = { s: 1_000, m: 60_000, h: 3_600_000 } as const
const ratePattern = /^(\d+(?:\.\d+)?)\/(s|m|h)$/

const templateHelp = `Any JSON value, made anew for each record. A map with one key that begins with $ stands for what it makes:
$sequence: "o-%07d" or a number to begin with;
$integer: [1, 9];
$number: { min: 1, max: 9.5, decimals: 2, text: true } (text: as a string);
$choice: [a, b], of values or templates;
$weighted: [{ weight: 95, value: a }, { weight: 5, value: b }];
$time: { start: "2026-01-01T00:00:00Z", step: 1ms, jitter: 5s } (up to the jitter earlier);
$format: ["%s-%03d", {...}, {...}];
$uuid: true;
$boolean: 0.5 (how often true);
$omit: true leaves the field out;
$raw: text, and $truncate: { value: {...}, ratio: 0.01, keep: 0.66 }, at the top only, make records that are not JSON.
A field whose name begins with $ is written with $$ where it is alone in its map.`

const config = z.strictObject({
  count: z
    .int()
    .min(0)
    .optional()
    .describe('How many records; without it the source does not end.'),
  rate: z
    .string()
    .regex(ratePattern, 'a rate is a number of records by time: 1000/s, 30/m, 5/h')
    .meta({ examples: ['1000/s', '30/m'] })
    .transform(recordsPerMs)
    .refine((perMs) => perMs > 0, 'a rate is greater than 0')
    .optional()
    .describe('How many records by time; without it as fast as they are taken.'),
  seed: z.int().default(1).describe('The same seed makes the same records.'),
  template: z
    .unknown()
    .superRefine((template, context) => {
      if (template === undefined) {
        context.addIssue({ code: 'custom', message: 'a template says what the records are' })
        return
      }
      try {
        compileTemplate(template, generators)
      } catch (thrown) {
        if (!(thrown instanceof TemplateError)) throw thrown
        context.addIssue({ code: 'custom', path: [...thrown.path], message: thrown.message })
      }
    })
    .describe(templateHelp),
})

function recordsPerMs(text: string): number {
  const [, amount = '0', unit = 's'] = ratePattern.exec(text) ?? []
  return Number(amount) / rateUnitsMs[unit as keyof typeof rateUnitsMs]
}

export const generateSource = defineSource({
  type: 'generate',
  summary: 'Makes records from a template and a seed, the same ones in every run.',
  config,
  examples: [
    {
      title: 'A thousand readings a second, some without a value',
      config: {
        count: 100_000,
        rate: '1000/s',
        template: {
          sensor: { $format: ['s-%02d', { $integer: [1, 20] }] },
          celsius: {
            $weighted: [
              { weight: 98, value: { $number: { min: -10, max: 35, decimals: 1 } } },
              { weight: 2, value: { $omit: true } },
            ],
          },
          at: { $time: { start: '2026-01-01T00:00:00Z', step: '1ms' } },
        },
      },
    },
  ],
  bounded: ({ count }) => count !== undefined,
  files: () => [],
  replayable: true,
  guarantee: () => ({
    guarantee: 'exactly_once',
    why: 'The number of the next record is committed with the records, and the same seed makes the same ones.',
    afterCrash: null,
    dropBy: null,
  }),
  create(setting, environment, positions) {
    return new GenerateSource(setting, environment, nextIndex(positions.get(split)))
  },
})

/** The position is the index of the next record. */
function nextIndex(position: JsonValue | undefined): number {
  return typeof position === 'number' && Number.isSafeInteger(position) ? position : 0
}

class GenerateSource implements Source {
  readonly #environment: EndpointEnvironment
  readonly #write: (draw: Draw) => string
  readonly #draw: Draw
  readonly #end: number
  readonly #perMs: number | null
  readonly #builder = new RecordBatchBuilder('')
  #next: number
  /** At a rate: when record `#next` is due, in monotonic µs. */
  #dueUs: number

  constructor(setting: z.output<typeof config>, environment: EndpointEnvironment, next: number) {
    this.#environment = environment
    this.#write = compileTemplate(setting.template, generators)
    this.#draw = { index: next, random: new IndexedRandom(setting.seed) }
    this.#end = setting.count ?? Number.MAX_SAFE_INTEGER
    this.#perMs = setting.rate ?? null
    this.#next = next
    this.#dueUs = environment.clock.monotonicUs()
  }

  async read(request: ReadRequest): Promise<SourceSlice | null> {
    const left = this.#end - this.#next
    if (left <= 0 || request.signal.aborted) return null
    const most = Math.min(left, request.maxRecords)
    const count =
      this.#perMs === null ? most : await this.#gather(this.#perMs, most, request.signal)
    return count === 0 ? null : this.#make(count, request.maxBytes)
  }

  async close(): Promise<void> {}

  /** Waits until records are due; how many are, or 0 when the signal has aborted. */
  async #gather(perMs: number, most: number, signal: AbortSignal): Promise<number> {
    const { clock } = this.#environment
    this.#dueUs = Math.max(this.#dueUs, clock.monotonicUs() - 1_000 * catchUpMs)
    const wanted = Math.min(most, Math.max(1, Math.floor(perMs * gatherMs)))
    for (;;) {
      if (signal.aborted) return 0
      const passedMs = (clock.monotonicUs() - this.#dueUs) / 1_000
      // The record due now counts itself. Rounding must not leave a wait of almost nothing.
      const due = Math.floor(passedMs * perMs + 1e-6) + 1
      if (passedMs >= 0 && due >= wanted) return Math.min(due, most)
      await clock.sleep((wanted - 1) / perMs - passedMs, signal)
    }
  }

  #make(count: number, maxBytes: number): SourceSlice {
    const { clock } = this.#environment
    const first = this.#next
    const times = {
      timestampMs: clock.wallMs(),
      eventTimeMs: Number.NaN,
      ingestUs: clock.monotonicUs(),
      waitUs: 0,
      runUs: 0,
    }
    const record = { key: null, value: '', headers: emptyBytes, times }
    while (this.#builder.count < count && this.#builder.dataBytes < maxBytes) {
      this.#draw.index = this.#next
      this.#draw.random.moveTo(this.#next)
      record.value = this.#write(this.#draw)
      this.#builder.append(record)
      this.#next += 1
    }
    if (this.#perMs !== null) this.#dueUs += (1_000 * (this.#next - first)) / this.#perMs
    return {
      batch: this.#builder.finish(),
      failures: [],
      positions: new Map([[split, this.#next]]),
      info: (index) => ({ index: first + index }),
    }
  }
}
