import { openRun } from '../../lib/rollout/canary/run.js';
import { refuseStart, start as startRollout } from '../../lib/rollout/canary/start.js';
import { planFlags, waitFlags } from '../shared/rollout/flags.js';
import { openPlan } from '../shared/rollout/open.js';
import { rolloutVerb } from '../shared/rollout/verb.js';
import { goOn, tellPlan } from '../shared/rollout/wait.js';

export const start = rolloutVerb({
  name: 'canary start',
  summary: 'give the canary its first share of the traffic',
  synonyms: ['begin', 'run', 'create', 'launch'],
  description:
    'Checks replicas, smoke tests and the gate, prints how many requests each step needs, sets the first weight, and ' +
    'returns; canary step (from cron, say) or --wait does the rest.',
  flags: { ...planFlags, ...waitFlags },
  examples: [
    { does: 'begin, and let cron drive it', command: 'metrify canary start -f rollout.yaml' },
    { does: 'begin, and follow it to the end', command: 'metrify canary start -f rollout.yaml --wait' },
    { does: 'the exact patch, without applying it', command: 'metrify canary start web --dry-run' },
  ],
  open: openPlan,
  async work(plan, session, input, context) {
    const run = openRun(plan, session);
    refuseStart(run);
    await tellPlan(run, context);
    return goOn(run, await startRollout(run), input, context);
  },
});
