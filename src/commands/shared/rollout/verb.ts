import { rehearse } from '../../../lib/rollout/rehearsal.js';
import { type RolloutReport, sketch } from '../../../lib/rollout/report.js';
import type { RouteChange } from '../../../lib/rollout/route.js';
import { commandsOf, Session } from '../../../lib/rollout/session.js';
import type { RouteSpec } from '../../../lib/rollout/spec.js';
import type { Ending } from '../../../lib/rollout/canary/run.js';
import type { Stepped } from '../../../lib/rollout/canary/step.js';
import { changeCommand, type Command, type Outcome } from '../../../runtime/command.js';
import type { Context } from '../../../runtime/context.js';
import type { Flags, FlagValues } from '../../../runtime/flags.js';
import type { Printer } from '../../../runtime/printer.js';
import { NothingKept, type Opened } from './open.js';
import { checksOf, presentChanges, presentChecks, presentReport, presentWaits } from './present.js';

export interface VerbResult extends RolloutReport {
  /** What this command did: `advanced to 50/50`, `nothing runs`. */
  readonly did: string;
  readonly ending: Ending;
  /** What to do about an ending that is not ok, where the phase does not say it. */
  readonly advice: string | null;
}

/** What is to be done depends on what is on the route, so a preview rehearses it. */
type Prepared<F extends Flags, O extends Opened> = Ready<F, O> | { readonly nothingRan: VerbResult };

interface Ready<F extends Flags, O extends Opened> {
  readonly opened: O;
  readonly input: VerbInput<F>;
}

interface Preview extends VerbResult {
  readonly changes: readonly RouteChange[];
}

interface VerbSpec<F extends Flags, O extends Opened> {
  /** `canary start`. */
  readonly name: string;
  readonly summary: string;
  readonly description?: string;
  readonly synonyms?: readonly string[];
  readonly examples: { does: string; command: string }[];
  readonly flags: F;
  /** On a route where no rollout ever ran it does nothing, though nobody says between which versions. */
  readonly isHarmless?: true;
  open(input: VerbInput<F>, context: Context): Promise<O>;
  work(opened: O, session: Session, input: VerbInput<F>, context: Context): Promise<Stepped>;
}

export type VerbInput<F extends Flags> = FlagValues<F> & { app: string | undefined };

export const appArgument = {
  app: { help: 'which rollout of the configuration', required: false, complete: 'rollouts' },
} as const;

/** A verb that changes a rollout: opens it, holds its lease, works, and reports how it stands then. */
export function rolloutVerb<F extends Flags, O extends Opened>(spec: VerbSpec<F, O>): Command {
  const work = async (session: Session, { opened, input }: Ready<F, O>, context: Context) => {
    const stepped = await spec.work(opened, session, input, context);
    // A verb that found nothing to do is the next command all the same.
    await session.mend();
    return stepped;
  };
  return changeCommand({
    name: spec.name,
    summary: spec.summary,
    ...(spec.description === undefined ? {} : { description: spec.description }),
    synonyms: spec.synonyms ?? [],
    args: appArgument,
    flags: spec.flags,
    examples: spec.examples,
    junit: true,
    items: 'checks' as const,

    async prepare(given, context): Promise<Prepared<F, O>> {
      const input = given as VerbInput<F>;
      try {
        return { opened: await spec.open(input, context), input };
      } catch (error) {
        if (!spec.isHarmless || !(error instanceof NothingKept)) throw error;
        return { nothingRan: nothingRan(error.spec) };
      }
    },

    async preview(prepared, context): Promise<Preview> {
      if ('nothingRan' in prepared) return { ...prepared.nothingRan, changes: [] };
      const { opened } = prepared;
      const rehearsal = rehearse(opened.actor.provider);
      const session = await Session.open({ ...opened.actor, provider: rehearsal.provider });
      const stepped = await work(session, prepared, context);
      for (const warning of stepped.warnings) context.warn(warning);
      return { ...finished(session, opened, stepped), changes: rehearsal.changes };
    },

    presentPreview(preview, printer) {
      presentChecks(preview.checks, printer);
      if (preview.checks.length > 0) printer.line();
      presentChanges(preview.changes, printer);
      presentWaits(preview, printer);
      presentEnding({ ...preview, did: `would end with: ${preview.did}` }, printer);
    },

    foresees: ({ ending, checks }) => ({
      verdict: ending === 'ok' ? 'planned' : ending,
      checks: checksOf(checks),
    }),

    async run(prepared, context): Promise<Outcome<VerbResult>> {
      if ('nothingRan' in prepared) return { verdict: 'ok', result: prepared.nothingRan };
      const { opened } = prepared;
      const committed = (session: Session) =>
        context.applied(
          (): VerbResult => ({
            ...sketch(session, opened.spec),
            did: 'stopped',
            ending: 'inconclusive',
            advice: null,
          }),
          () => resumeHint(session),
        );
      return Session.hold({ ...opened.actor, committed }, async (session) => {
        const stepped = await work(session, prepared, context);
        for (const warning of stepped.warnings) context.warn(warning);
        const result = finished(session, opened, stepped);
        return { verdict: stepped.ending, result, checks: checksOf(result.checks) };
      });
    },

    present(result, printer) {
      presentReport(result, printer);
      printer.line();
      presentEnding(result, printer);
    },
  });
}

function presentEnding({ ending, did, advice }: VerbResult, printer: Printer): void {
  const lines = advice === null ? [did] : [did, advice];
  if (ending === 'ok') printer.ok(...lines);
  else if (ending === 'failed') printer.bad(...lines);
  else printer.warn(...lines);
}

function finished(session: Session, { spec }: Opened, stepped: Stepped): VerbResult {
  const reported = sketch(session, spec);
  // A look that changed nothing on the route still has its checks to show.
  const checks = stepped.checks ?? stepped.state?.checks ?? reported.checks;
  const { did, ending, advice = null } = stepped;
  return { ...reported, checks, did, ending, advice };
}

/** Without a rollout there is no canary: whatever the route sends goes to what is there. */
function nothingRan({ app, provider, route }: RouteSpec): VerbResult {
  return { ...nothing, app, provider, route, did: 'nothing runs', ending: 'ok', advice: null };
}

const nothing = {
  phase: 'idle',
  versions: null,
  live: null,
  step: 0,
  steps: [],
  weights: { stable: 100, canary: 0 },
  revision: '',
  holder: null,
  checks: [],
  verdict: 'none',
  reason: null,
  startedAt: null,
  stepStartedAt: null,
  stepElapsedMs: null,
  waitsFor: [],
  history: [],
  problems: [],
  next: [],
} as const;

function resumeHint({ state, actor }: Session): string | undefined {
  if (!state || state.phase === 'aborted' || state.phase === 'failed') return undefined;
  if (state.phase === 'promoted')
    return state.kind === 'canary' ? undefined : 'The switch is done; the old colour was not scaled down.';
  const { onward, back } = commandsOf(actor, state);
  return `The weights stay as they are. '${onward}' continues, '${back}' returns the traffic.`;
}
