import { homedir } from 'node:os'
import { join } from 'node:path'

/** What tests have fetched or made once, for all runs of this user. */
export function cacheFolder(): string {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'millrace')
}
