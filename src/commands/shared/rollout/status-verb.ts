import { type ReportedEntry, report } from '../../../lib/rollout/report.js';
import type { RolloutForm } from '../../../lib/rollout/written.js';
import { Session } from '../../../lib/rollout/session.js';
import { type Command, readCommand } from '../../../runtime/command.js';
import { routeFlags } from './flags.js';
import { openRoute } from './open.js';
import { presentHistory, presentReport } from './present.js';
import { appArgument } from './verb.js';

interface Declared {
  readonly form: RolloutForm;
  readonly name: string;
  readonly summary: string;
  readonly synonyms: readonly string[];
  readonly examples: { does: string; command: string }[];
}

export function statusVerb(declared: Declared): Command {
  return readCommand({
    ...declared,
    args: appArgument,
    flags: routeFlags,
    items: 'checks' as const,
    async read(input, context) {
      const opened = await openRoute(input, context, declared.form);
      const session = await Session.open(opened.actor);
      const result = await report(session, opened.spec);
      return { verdict: 'ok' as const, result };
    },
    present: (result, printer) => presentReport(result, printer),
  });
}

export function historyVerb(declared: Declared): Command {
  return readCommand({
    ...declared,
    args: appArgument,
    flags: routeFlags,
    items: 'history' as const,
    async read(
      input,
      context,
    ): Promise<{ verdict: 'ok'; result: { app: string; history: readonly ReportedEntry[] } }> {
      const opened = await openRoute(input, context, declared.form);
      const { app, history } = await report(await Session.open(opened.actor), opened.spec);
      return { verdict: 'ok', result: { app, history } };
    },
    present: ({ history }, printer) => presentHistory(history, printer),
  });
}
