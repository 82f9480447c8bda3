import type { Conclusion } from '../core/exit-codes.js';
import type { LoadResult } from './result.js';

/** What the run concludes: failed before partial before no data before passed. */
export function verdictOf({ thresholds, generator, requests, stopped }: LoadResult): Conclusion {
  if (thresholds.some(({ verdict }) => verdict === 'failed')) return 'failed';
  if (generator.lostThreads > 0) return 'partial';
  // A run that sent nothing shows nothing, and one that was stopped not what it should.
  if (
    requests === 0 ||
    stopped ||
    generator.bottleneck !== undefined ||
    thresholds.some(({ verdict }) => verdict === 'no-data')
  )
    return 'inconclusive';
  return 'ok';
}
