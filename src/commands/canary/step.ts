import { openRun } from '../../lib/rollout/canary/run.js';
import { step as stepOnce } from '../../lib/rollout/canary/step.js';
import { planFlags, waitFlags } from '../shared/rollout/flags.js';
import { openPlan } from '../shared/rollout/open.js';
import { rolloutVerb } from '../shared/rollout/verb.js';
import { goOn } from '../shared/rollout/wait.js';

export const step = rolloutVerb({
  name: 'canary step',
  summary: 'judge the running step once, and continue when it is due',
  synonyms: ['tick', 'poll'],
  description:
    'Made for cron and pipelines: exits 0 when it waits, continues or has nothing to do; 3 when the canary was rejected ' +
    'and all traffic is on stable again; 7 when too little is known.',
  flags: { ...planFlags, ...waitFlags },
  examples: [
    { does: 'from cron, every minute', command: 'metrify canary step -f rollout.yaml --lock web -q' },
    {
      does: 'take up a rollout whose pipeline was killed',
      command: 'metrify canary step -f rollout.yaml --wait',
    },
  ],
  open: openPlan,
  async work(plan, session, input, context) {
    const run = openRun(plan, session);
    return goOn(run, await stepOnce(run), input, context);
  },
});
