// Ends with 0 when the run in this container lives, for the health check of the image.
// oxlint-disable-next-line no-restricted-properties -- a program of its own, without src/main.ts
const port = process.env['METRICS_PORT'] ?? '9464'

try {
  const response = await fetch(`http://127.0.0.1:${port}/livez`, {
    // oxlint-disable-next-line no-restricted-properties -- a program of its own, without a clock
    signal: AbortSignal.timeout(4_000),
  })
  process.exitCode = response.ok ? 0 : 1
} catch (error) {
  // Nobody listens where no metrics are served; a run that hangs does not answer in time.
  process.exitCode = error?.cause?.code === 'ECONNREFUSED' ? 0 : 1
}
