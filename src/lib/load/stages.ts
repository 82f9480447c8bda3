import { UserError } from '../core/errors.js';
import { parseDuration } from '../core/units.js';
import type { Stage } from './job.js';

/**
 * Parses `30s:100,1m:500`: from the last rate to this one in so long, beginning at 0. A stage whose rate is the last one's
 * holds it. @throws UserError
 */
export function parseStages(text: string): Stage[] {
  let from = 0;
  return text.split(',').map((part) => {
    const [, duration, rate] = /^\s*([^:]+):(\d+(?:\.\d+)?)\s*$/.exec(part) ?? [];
    if (duration === undefined)
      throw new UserError(`'${part}' is not a stage`, { hint: 'Write stages like 30s:100,1m:500.' });
    const stage = { durationMs: parseDuration(duration), from, to: Number(rate) };
    if (stage.durationMs === 0)
      throw new UserError(`the stage '${part}' takes no time`, { hint: 'Give it a duration.' });
    from = stage.to;
    return stage;
  });
}
