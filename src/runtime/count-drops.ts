import type { EndpointEnvironment } from '../core/endpoints.ts'
import type { OperationMeter } from './operation-meter.ts'

/** The environment for a source or sink of a stage, whose drops are counted there. */
export function countDrops(
  environment: EndpointEnvironment,
  meter: OperationMeter,
): EndpointEnvironment {
  const dropped: EndpointEnvironment['dropped'] = (drop, count) => meter.dropped(drop, count)
  // Derived, not copied: a copy would look up, and so open, all that is there, such as stdin.
  return Object.create(environment, { dropped: { value: dropped } }) as EndpointEnvironment
}
