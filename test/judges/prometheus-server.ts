import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSystemClock } from '../../src/clock/system-clock.ts'
import { freePorts } from '../kafka/broker/ports.ts'

const clock = createSystemClock()

export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  readonly values: readonly number[]
}

export interface PrometheusOptions {
  /** `host:port` of what is scraped, every second. */
  readonly targets: readonly string[]
  /** Files of rules. */
  readonly rules?: readonly string[]
}

/** A Prometheus as Debian packs it. */
export class PrometheusServer {
  readonly #child: ChildProcess
  readonly #folder: string
  readonly #url: string
  #said = ''

  private constructor(child: ChildProcess, folder: string, url: string) {
    this.#child = child
    this.#folder = folder
    this.#url = url
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.#said += text))
  }

  static async start({ targets, rules = [] }: PrometheusOptions): Promise<PrometheusServer> {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-prometheus-'))
    const [port] = await freePorts(1)
    const config = {
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: rules,
      scrape_configs: [{ job_name: 'millrace', static_configs: [{ targets }] }],
    }
    // JSON is YAML.
    writeFileSync(join(folder, 'prometheus.yaml'), JSON.stringify(config))
    const child = spawn(
      'prometheus',
      [
        `--config.file=${join(folder, 'prometheus.yaml')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--enable-feature=exemplar-storage',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    )
    const server = new PrometheusServer(child, folder, `http://127.0.0.1:${port}`)
    await server.until(async () => (await fetch(`${server.#url}/-/ready`)).ok)
    return server
  }

  /** The values of an expression now. */
  async query(expr: string): Promise<Sample[]> {
    const { result } = (await this.get('query', { query: expr })) as {
      result: { metric: Record<string, string>; value: [number, string] }[]
    }
    return result.map(({ metric, value: [, text] }) => ({ metric, values: [Number(text)] }))
  }

  /** The only value of an expression that has one; NaN before it does. */
  async value(expr: string): Promise<number> {
    const samples = await this.query(expr)
    return samples.length === 1 ? samples[0]!.values[0]! : Number.NaN
  }

  /** The values over the last seconds, one by second. */
  async queryRange(expr: string, seconds: number): Promise<Sample[]> {
    const end = await this.value('vector(time())')
    const range = { query: expr, start: String(end - seconds), end: String(end), step: '1' }
    const { result } = (await this.get('query_range', range)) as {
      result: { metric: Record<string, string>; values: [number, string][] }[]
    }
    return result.map(({ metric, values }) => ({
      metric,
      values: values.map(([, text]) => Number(text)),
    }))
  }

  async get(path: string, parameters: Readonly<Record<string, string>>): Promise<unknown> {
    const response = await fetch(
      `${this.#url}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`,
    )
    const answer = (await response.json()) as { status: string; data: unknown; error?: string }
    if (answer.status !== 'success')
      throw new Error(`${path} ${JSON.stringify(parameters)}: ${answer.error}`)
    return answer.data
  }

  /** Resolves once the condition holds; what it throws until then counts as not yet. */
  async until(condition: () => Promise<boolean>): Promise<void> {
    for (let tries = 0; tries < 600; tries++) {
      if (this.#child.exitCode !== null) throw new Error(`Prometheus has ended: ${this.#said}`)
      if (await condition().catch(() => false)) return
      await clock.sleep(100)
    }
    throw new Error(
      `the condition does not come to hold; Prometheus said: ${this.#said.slice(-2_000)}`,
    )
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    if (this.#child.exitCode === null && this.#child.signalCode === null) await ended
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
