import type { KafkaContext } from './kafka-context.ts'
import { KeptTexts } from './kept-texts.ts'

/** Of all pipelines of the cluster: the name as key, the manifest as value. */
export const manifestTopic = '_millrace.manifests'

export class ManifestTopic {
  readonly #texts: KeptTexts

  constructor(context: KafkaContext) {
    this.#texts = new KeptTexts(context, manifestTopic)
  }

  /** By pipeline. @throws PipelineError, KafkaError */
  read(): Promise<ReadonlyMap<string, string>> {
    return this.#texts.read()
  }

  /** @throws PipelineError, KafkaError */
  write(pipeline: string, manifest: string): Promise<void> {
    return this.#texts.write(new Map([[pipeline, manifest]]))
  }
}
