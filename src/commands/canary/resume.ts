import { openRun } from '../../lib/rollout/canary/run.js';
import { resume as resumeRollout } from '../../lib/rollout/canary/stop.js';
import { planFlags, waitFlags } from '../shared/rollout/flags.js';
import { openPlan } from '../shared/rollout/open.js';
import { rolloutVerb } from '../shared/rollout/verb.js';
import { goOn } from '../shared/rollout/wait.js';

export const resume = rolloutVerb({
  name: 'canary resume',
  summary: 'continue with a rollout that is paused or holding',
  synonyms: ['continue', 'unpause'],
  description: 'The time it stood still does not count.',
  flags: { ...planFlags, ...waitFlags },
  examples: [
    { does: 'let cron drive it again', command: 'metrify canary resume web' },
    { does: 'and follow it to the end', command: 'metrify canary resume web --wait' },
  ],
  open: openPlan,
  async work(plan, session, input, context) {
    const run = openRun(plan, session);
    return goOn(run, await resumeRollout(run), input, context);
  },
});
