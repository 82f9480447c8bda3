import { parseThreshold, splitThresholds, type Threshold } from '../../../lib/load/threshold.js';
import { flag, type FlagValues } from '../../../runtime/flags.js';

export const thresholdFlags = {
  threshold: {
    ...flag.list({
      placeholder: 'EXPRESSION',
      help: "what must hold: p95<200ms, error_rate<1%, rps>500, checks>99%, p95{name=GET /x}<200ms; with 'abort after 10s' it ends the run, with 'or-no-data: pass' it may be without data",
    }),
    parse: splitThresholds,
  },
};

/** @throws UserError */
export function thresholdsOf({ threshold }: FlagValues<typeof thresholdFlags>): Threshold[] {
  return threshold.map(parseThreshold);
}
