/** What sources and sinks refuse, cut off or leave out, each with its name in metrics. */
export const endpointDrops = {
  too_many_clients: 'A client was refused because as many are there as may be.',
  refused_client: 'A client was refused: its origin, its secret or its protocol.',
  idle_client: 'A client was closed because nothing came from it, or it no longer answered.',
  slow_client: 'A client was closed because it took its answers or messages too slowly.',
  lost_client: 'A client went away before its answer could be sent.',
  too_large: 'A message was longer than allowed.',
  unfinished: 'A client ended in the middle of a message.',
  out_of_room: 'A client was closed because unfinished messages filled all the memory for them.',
  bad_frame: 'A client broke the rules of its protocol.',
  late_reply:
    'A result did not come in time, so that its message was answered without it, or not at all.',
  duplicate: 'A message came a second time: its id was among those that are remembered.',
  unroutable_reply: 'There was no queue by the name that a message wanted its answer in.',
  lost_reply: 'An answer was given up: too many waited, or the server was away.',
  skipped_push: 'A message was not pushed to a client that took the ones before it too slowly.',
} as const satisfies Readonly<Record<string, string>>

export type EndpointDrop = keyof typeof endpointDrops
