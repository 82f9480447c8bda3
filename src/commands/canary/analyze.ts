import { UserError } from '../../lib/core/errors.js';
import { formatDuration } from '../../lib/core/units.js';
import { judge } from '../../lib/rollout/analysis/judge.js';
import type { Judgement } from '../../lib/rollout/analysis/judgement.js';
import { fixBounds } from '../../lib/rollout/analysis/latency-bounds.js';
import { readCommand } from '../../runtime/command.js';
import { flag } from '../../runtime/flags.js';
import { planFlags } from '../shared/rollout/flags.js';
import { meterOf } from '../shared/rollout/open.js';
import { checksOf, presentChecks } from '../shared/rollout/present.js';
import { readRollout } from '../shared/rollout/read-rollout.js';
import { appArgument } from '../shared/rollout/verb.js';

const { takeOver: _, ...analysisFlags } = planFlags;

interface Analysis extends Pick<Judgement, 'checks' | 'warnings'> {
  app: string;
  stable: string;
  canary: string;
  /** How far back the counts go; null: the versions were probed. */
  windowMs: number | null;
  verdict: Judgement['verdict'];
}

export const analyze = readCommand({
  name: 'canary analyze',
  summary: 'judge two versions once, whatever carries their traffic',
  synonyms: ['analyse', 'check', 'judge'],
  description:
    'A gate for CI: exits 0 when the canary is no worse, 3 when it is worse, 7 when too little is known. {{version}} of ' +
    'the expressions takes any two label values.',
  args: appArgument,
  flags: {
    ...analysisFlags,
    window: flag.duration({ help: 'how far back the counts go (5m)' }),
  },
  examples: [
    { does: 'the last five minutes', command: 'metrify canary analyze -f rollout.yaml' },
    {
      does: 'any two values of a label',
      command:
        'metrify canary analyze -f rollout.yaml --stable eu-1 --canary eu-2 --window 1h --junit canary.xml',
    },
  ],
  junit: true,
  items: 'checks' as const,

  async read(input, context) {
    const { spec } = await readRollout({ ...input, takeOver: false }, context, {
      needs: 'plan',
      form: 'canary',
    });
    const meter = await meterOf(spec, context);
    if (!meter || !spec.analysis)
      throw new UserError(`the rollout of ${spec.app} has no analysis`, {
        hint: 'Give it expressions (analysis.requests, errors, latency), or a probe.',
      });
    if (input.window !== undefined && !meter.remembers)
      throw new UserError('--window is for Prometheus; probes know only what they ask now', {
        hint: 'analysis.probe.duration (--probe-duration) says how long they ask.',
      });
    const windowMs = meter.remembers ? (input.window ?? 300_000) : null;
    const { counts, warnings } = await meter.look(
      context.clock.now() - (windowMs ?? 0),
      undefined,
      context.signal,
    );
    const bounds = counts.stable.latency && fixBounds(spec.analysis, counts.stable.latency).bounds;
    const { versions } = spec;
    const judgement = judge(spec.analysis, counts, { steps: 1, bounds });
    const result: Analysis = {
      app: spec.app,
      stable: versions.stable.name,
      canary: versions.canary.name,
      windowMs,
      verdict: judgement.verdict,
      checks: judgement.checks,
      warnings: [...warnings, ...judgement.warnings],
    };
    for (const warning of result.warnings) context.warn(warning);
    const verdict =
      judgement.verdict === 'pass' ? 'ok' : judgement.verdict === 'reject' ? 'failed' : 'inconclusive';
    return { verdict, result, checks: checksOf(judgement.checks) };
  },

  present({ app, stable, canary, windowMs, verdict, checks }, printer) {
    const when = windowMs === null ? 'probed now' : `the last ${formatDuration(windowMs)}`;
    printer.line(`${printer.bold(app)}  ${canary} against ${stable}, ${when}`);
    presentChecks(checks, printer);
    printer.line();
    if (verdict === 'pass') printer.ok(`${canary} is no worse than ${stable}`);
    else if (verdict === 'reject') printer.bad(`${canary} is worse than ${stable}`);
    else printer.warn('too little is known for a verdict');
  },
});
