import { spawn } from 'node:child_process'
import type { TestProject } from 'vitest/node'
import { createSystemClock } from '../../src/clock/system-clock.ts'
import { isCi } from '../kafka/broker/install-package.ts'
import { freePorts } from '../kafka/broker/ports.ts'
import { NoBrokerError } from '../kafka/broker/test-broker.ts'
import type { ReceivedSpan } from '../telemetry/otlp-spans.ts'
import { zipkinJar } from './zipkin-jar.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The URL of a Zipkin; null: this machine has none, and need not have one. */
    readonly zipkin: string | null
  }
}

const clock = createSystemClock()
const startsWithinMs = 120_000

/** One Zipkin for all files of the project `judges`: vitest calls this before the first of them. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  try {
    const { url, stop } = await startZipkin()
    project.provide('zipkin', url)
    return stop
  } catch (error) {
    if (!(error instanceof NoBrokerError) || isCi()) throw error
    process.stderr.write(`\n*** THE TESTS WITH ZIPKIN ARE SKIPPED: ${error.message}\n\n`)
    project.provide('zipkin', null)
    return () => Promise.resolve()
  }
}

async function startZipkin(): Promise<{ url: string; stop: () => Promise<void> }> {
  const jar = await zipkinJar()
  const [port] = await freePorts(1)
  const listener = '--armeria.ports[0]'
  const child = spawn(
    'java',
    [
      '-Xms32m',
      '-Xmx256m',
      '-jar',
      jar,
      `${listener}.ip=127.0.0.1`,
      `${listener}.port=${port}`,
      `${listener}.protocols[0]=http`,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()))
  const url = `http://127.0.0.1:${port}`
  const untilUs = clock.monotonicUs() + 1_000 * startsWithinMs
  while (!(await isUp(url))) {
    if (child.exitCode !== null || clock.monotonicUs() > untilUs) {
      child.kill('SIGKILL')
      throw new Error(`Zipkin did not start: ${said.slice(-2_000)}`)
    }
    await clock.sleep(200)
  }
  return {
    url,
    stop: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}

async function isUp(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/health`)).ok
  } catch {
    return false
  }
}

/** What Zipkin knows of a span. */
export interface ZipkinSpan {
  readonly traceId: string
  readonly id: string
  readonly parentId?: string
  readonly name: string
  readonly kind?: string
  readonly duration?: number
  readonly localEndpoint: { readonly serviceName: string }
  readonly tags: Readonly<Record<string, string>>
}

/**
 * Hands spans over in Zipkin's own form, as the collector's exporter does: Zipkin takes no OTLP. Links
 * get lost, which Zipkin has none of.
 */
export async function postSpans(url: string, spans: readonly ReceivedSpan[]): Promise<void> {
  const body = spans.map((span) => ({
    traceId: span.traceId,
    id: span.spanId,
    ...(span.parentId === '' ? {} : { parentId: span.parentId }),
    name: span.name,
    ...(span.kind === 'internal' ? {} : { kind: span.kind.toUpperCase() }),
    timestamp: Number(span.startNs / 1_000n),
    duration: Math.max(1, Math.round(span.durationMs * 1_000)),
    localEndpoint: { serviceName: span.service },
    tags: {
      ...Object.fromEntries(
        Object.entries(span.attributes).map(([name, value]) => [name, String(value)]),
      ),
      ...(span.isError ? { error: String(span.attributes['error.type']) } : {}),
    },
  }))
  const response = await fetch(`${url}/api/v2/spans`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!response.ok) throw new Error(`Zipkin refused the spans: ${await response.text()}`)
}

/** Asks until the answer is as wanted; Zipkin shows spans a little after it took them. */
export async function ask<Answer>(
  url: string,
  isDone: (answer: Answer) => boolean,
): Promise<Answer> {
  const untilUs = clock.monotonicUs() + 20_000_000
  for (;;) {
    const response = await fetch(url)
    const answer = response.ok ? ((await response.json()) as Answer) : null
    if (answer !== null && isDone(answer)) return answer
    if (clock.monotonicUs() > untilUs)
      throw new Error(`Zipkin answers ${JSON.stringify(answer)} to ${url}`)
    await clock.sleep(100)
  }
}
