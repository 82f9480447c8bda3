import { switchTo } from '../../lib/rollout/blue-green/switch.js';
import { flag } from '../../runtime/flags.js';
import { switchFlags } from '../shared/rollout/flags.js';
import { openSwitch } from '../shared/rollout/open.js';
import { rolloutVerb } from '../shared/rollout/verb.js';
import { sayChecks } from '../shared/rollout/wait.js';

export const switchColour = rolloutVerb({
  name: 'deploy switch',
  summary: 'check the other colour, give it all traffic, watch it',
  synonyms: ['start', 'promote', 'flip', 'swap', 'run'],
  description:
    'Before: its Deployment is rolled out, with as many ready replicas as the live one, serving, and smoke tests prove ' +
    'which version answers. After: for the time of --watch, probes and metrics are judged, and traffic returns by itself ' +
    'when a check fails. A switch whose watch was cut short is watched again.',
  flags: {
    ...switchFlags,
    to: flag.choice(['blue', 'green'], { help: 'the colour (default: the one that is not live)' }),
    watch: flag.duration({ help: 'how long to watch after the switch', default: '2m' }),
    scaleDown: flag.boolean('scale the old colour to 0 when the watch has passed'),
    scaleDownDelay: flag.duration({ help: 'but not before so long after the switch', default: '30s' }),
  },
  examples: [
    { does: 'switch, and watch for two minutes', command: 'metrify deploy switch web' },
    {
      does: 'from a pipeline',
      command: 'metrify deploy switch -f rollout.yaml --to green --watch 5m --scale-down',
    },
    { does: 'the exact patch, without applying it', command: 'metrify deploy switch web --dry-run' },
  ],
  open: openSwitch,
  work: (plan, session, input, context) =>
    switchTo(
      {
        ...plan,
        session,
        watchMs: context.dryRun ? 0 : input.watch,
        // A rehearsal waits for nothing.
        scaleDownAfterMs: !input.scaleDown ? undefined : context.dryRun ? 0 : input.scaleDownDelay,
      },
      input.to,
      { saw: sayChecks(context) },
    ),
});
