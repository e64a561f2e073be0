import { messageOf } from '../../../core/errors.ts'
import { MalformedRecords } from './malformed-records.ts'

/**
 * Loads native code when a topic first needs it: where npm has none for this platform, all other
 * topics work.
 * @param load requires the package that has the name of the codec, or one like it.
 * @throws MalformedRecords UNSUPPORTED_COMPRESSION_TYPE
 */
export function loadCodec<Library>(codec: string, load: () => Library): Library {
  try {
    return load()
  } catch (error) {
    throw new MalformedRecords(
      'UNSUPPORTED_COMPRESSION_TYPE',
      `the native code for ${codec} cannot be loaded (${messageOf(error)}). ` +
        'Install the dependencies for this platform, or write the topic with gzip, zstd or none',
      { cause: error },
    )
  }
}
