import { graceMs, withGrace } from '../core/abort.js';
import {
  errorMessage,
  ServiceConflict,
  ServiceRefused,
  ServiceUnavailable,
  UserError,
} from '../core/errors.js';
import { ExitCode } from '../core/exit-codes.js';
import type { Clock } from '../core/clock.js';
import { holdLease } from './lease.js';
import { nextPause, TRY_FOR_MS } from './patience.js';
import type { Provider, RouteView, Weights } from './route.js';
import { type Pair, samePair } from './spec.js';
import { decodeState, encodeState, type HistoryEntry, type RolloutState, withHistory } from './state.js';

/** What every verb of a rollout works with. */
export interface Actor {
  readonly provider: Provider;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Who this is, for the lease and the history: `ann@build-7 (4711)`. */
  readonly name: string;
  readonly takeOver: boolean;
  warn(message: string): void;
  /** What this operator types for `canary abort` of this rollout. */
  command(verb: string): string;
  /** Called after each change that was written. */
  committed?(session: Session): void;
}

/** What a change says of itself in the history. */
export type Note = Pick<HistoryEntry, 'action' | 'verdict'> & { reason?: string | undefined };

/** A rollout as it stands on its route, and the one way to change it. */
export class Session {
  private constructor(
    readonly actor: Actor,
    private current: RouteView,
    private known: RolloutState | undefined,
    /** Whether nobody else took the rollout over. */
    private readonly confirm: () => Promise<void>,
  ) {}

  /** @throws UserError exit 4 when the state on the route cannot be read */
  static async open(actor: Actor, confirm = () => Promise.resolve()): Promise<Session> {
    const view = await actor.provider.route.read(actor.signal);
    return new Session(actor, view, readState(actor.provider, view), confirm);
  }

  /** Opens it and runs the work while nobody else may. @throws ServiceConflict when somebody else is at work */
  static hold<T>(actor: Actor, work: (session: Session) => Promise<T>): Promise<T> {
    return holdLease(
      actor.provider.route.leases,
      { holder: actor.name, takeOver: actor.takeOver, clock: actor.clock, signal: actor.signal },
      async ({ signal, confirm }) => work(await Session.open({ ...actor, signal }, confirm)),
    );
  }

  get view(): RouteView {
    return this.current;
  }

  /** What metrify keeps on the route; undefined when there never was a rollout. */
  get state(): RolloutState | undefined {
    return this.known;
  }

  /** Of the route's own clock, in milliseconds since the epoch. */
  now(): number {
    return this.actor.provider.route.leases.now();
  }

  /** Reads the route again. */
  async refresh(signal = this.actor.signal): Promise<void> {
    this.current = await this.actor.provider.route.read(signal);
    this.known = readState(this.actor.provider, this.current);
  }

  /**
   * Refuses to continue when the weights are not those that were set last: somebody else, a GitOps controller perhaps,
   * shifts the same traffic.
   */
  refuseDrift(): void {
    const { state, view } = this;
    if (!state || this.actor.takeOver) return;
    if (this.actor.provider.route.shows(view, state.weights)) return;
    throw new ServiceConflict(describeDrift(state, view, this.actor.provider.route.name), {
      code: 'DRIFT',
      hint: 'Add --take-over to set them again, or abort to return all traffic to stable.',
    });
  }

  /** What `change` would make of the state, with its line in the history. Pure. */
  next(base: RolloutState, change: Partial<RolloutState>, note?: Note): RolloutState {
    const state = { ...base, ...change, holder: this.actor.name };
    if (!note) return state;
    return withHistory(state, {
      at: this.now(),
      who: this.actor.name,
      action: note.action,
      from: this.current.weights,
      to: state.weights,
      phase: state.phase,
      verdict: note.verdict,
      ...(note.reason === undefined ? {} : { reason: note.reason }),
      versions: [state.versions.stable.name, state.versions.canary.name],
    });
  }

  /** Writes the state, and its weights with it, in one guarded change. @throws as Route.commit */
  async commit(state: RolloutState, signal = this.actor.signal): Promise<void> {
    const stands = this.actor.provider.route.shows(this.current, state.weights);
    await this.write(state, stands ? undefined : state.weights, signal);
  }

  /** Finishes a change that was cut short. Weights that somebody set since are left alone. @throws as Route.commit */
  async mend(): Promise<void> {
    if (this.known && this.current.unfinished)
      await this.write(this.next(this.known, {}), undefined, this.actor.signal);
  }

  private async write(state: RolloutState, weights: Weights | undefined, signal: AbortSignal): Promise<void> {
    await this.confirm();
    this.refuseOtherPair(state);
    const change = { weights, state: encodeState(state) };
    this.current = await this.actor.provider.route.commit(this.current, change, signal);
    this.known = state;
    this.actor.committed?.(this);
  }

  /** The route was opened for one pair of versions: another one's weights would go to the wrong versions. */
  private refuseOtherPair({ versions }: RolloutState): void {
    const { provider, command } = this.actor;
    const { known, current } = this;
    if (current.unfinished && known && !samePair(known.versions, provider.versions))
      throw new ServiceConflict(
        `the last change of ${provider.route.name} (${formatPair(known.versions)}) was cut short`,
        { code: OTHER_PAIR, hint: `Type '${command('canary abort')}' to finish it, then this again.` },
      );
    if (!samePair(versions, provider.versions))
      throw new ServiceConflict(
        `a rollout of ${formatPair(versions)} was started on ${provider.route.name} meanwhile`,
        { code: OTHER_PAIR, hint: 'Look with status, then type this again.' },
      );
  }

  /**
   * Returns all traffic, whatever somebody else did to weights or state meanwhile. Tries for half a minute, because
   * there is nothing better to do; whoever is told to stop has a few seconds left for it.
   * @throws ServiceUnavailable (exit 5) saying what to type, with phase `failed` kept where that is possible
   */
  async returnTraffic(make: (base: RolloutState) => RolloutState): Promise<void> {
    const { clock, provider } = this.actor;
    const signal = withGrace(this.actor.signal, GRACE_MS);
    const { id } = this.known!;
    const deadline = clock.monotonic() + TRY_FOR_MS;
    for (let pause = nextPause(); ; pause = nextPause(pause)) {
      const wanted = make(this.known!);
      try {
        // Though the route says so already: what serves the traffic may not have been told.
        return await this.write(wanted, wanted.weights, signal);
      } catch (thrown) {
        const error = signal.aborted ? (signal.reason as unknown) : thrown;
        if (!(error instanceof UserError) || isOthers(error)) throw error;
        // A right that is missing is not there a moment later either.
        if (signal.aborted || error instanceof ServiceRefused || clock.monotonic() > deadline)
          return await this.rollbackFailed(wanted, error);
        await clock.sleep(pause, signal).catch(() => {});
        this.current = await provider.route.read(signal).catch(() => this.current);
        // An answer that was lost may have been a yes.
        if (this.current.state === encodeState(wanted) && !this.current.unfinished) {
          this.known = wanted;
          this.actor.committed?.(this);
          return;
        }
      }
      // What somebody made of the state meanwhile is written over, unless it is another rollout's.
      this.known = readableState(this.current) ?? this.known;
      if (this.known?.id !== id)
        throw conflict(
          `another rollout was started on ${provider.route.name} meanwhile`,
          'Look with status.',
        );
    }
  }

  /** Keeps that the traffic is not as wanted. @throws ServiceUnavailable saying what to type */
  async rollbackFailed(wanted: RolloutState, error: UserError): Promise<never> {
    const { weights } = this.current;
    const reason = `traffic could not be returned: ${errorMessage(error)}`;
    const outcome = { to: weights, phase: 'failed', verdict: 'failed', reason } as const;
    const history = wanted.history.map((entry, i, { length }) =>
      i === length - 1 ? { ...entry, ...outcome } : entry,
    );
    const state: RolloutState = { ...wanted, phase: 'failed', weights, reason, history };
    const patienceMs = this.actor.signal.aborted ? LAST_WRITE_MS : GRACE_MS;
    await this.commit(state, AbortSignal.timeout(patienceMs)).catch(() => (this.known = state));
    const arm = wanted.weights.canary === 0 ? 'canary' : 'stable';
    throw new ServiceUnavailable(
      `${this.actor.provider.route.name} still gives ${wanted.versions[arm].name} ${Number(weights[arm].toFixed(2))}% of the traffic: ${errorMessage(error)}`,
      {
        code: ROLLBACK_FAILED,
        outranksStop: true,
        cause: error,
        hint: `Type '${commandsOf(this.actor, wanted).back}' until it succeeds.${error.hint ? ` ${error.hint}` : ''}`,
      },
    );
  }
}

/** Time in which a stopped command may still write, in milliseconds. */
export const GRACE_MS = graceMs;
/** And how long it may take to write that this was not enough, in milliseconds. */
const LAST_WRITE_MS = 1500;
/** Of the error of a rollback that could not be done. */
export const ROLLBACK_FAILED = 'ROLLBACK_FAILED';

const OTHER_PAIR = 'OTHER_PAIR';

/** Of the traffic that is to be returned somebody else has taken care. */
export function isOthers({ code }: UserError): boolean {
  return code === 'LEASE_LOST' || code === OTHER_PAIR;
}

/** What can be typed for a rollout: to continue with it, and to return its traffic. */
export function commandsOf(
  { command }: Pick<Actor, 'command'>,
  { kind, phase }: Pick<RolloutState, 'kind' | 'phase'>,
): { readonly onward: string; readonly back: string } {
  if (kind === 'blue-green') return { onward: command('deploy switch'), back: command('deploy rollback') };
  const onward = command(phase === 'progressing' ? 'canary step' : 'canary resume');
  return { onward, back: command('canary abort') };
}

function readState(provider: Provider, view: RouteView): RolloutState | undefined {
  return view.state === undefined ? undefined : decodeState(view.state, provider.route.name);
}

/** Undefined where it cannot be read. */
function readableState({ state }: RouteView): RolloutState | undefined {
  try {
    return state === undefined ? undefined : decodeState(state, '');
  } catch {
    return undefined;
  }
}

/** For people. */
export function describeDrift(state: RolloutState, view: RouteView, route: string): string {
  const by = view.changedBy === undefined ? '' : `, written by ${view.changedBy}`;
  return `${route} has the weights ${formatWeights(view.weights)}${by}; this rollout set ${formatWeights(state.weights)}`;
}

function formatPair({ stable, canary }: Pair): string {
  return `${stable.name} → ${canary.name}`;
}

/** `90/10`. */
export function formatWeights({ stable, canary }: Weights): string {
  const number = (value: number) => String(Number(value.toFixed(2)));
  return `${number(stable)}/${number(canary)}`;
}

/** The refusal of a verb that does not fit the state. */
export function conflict(message: string, hint: string): UserError {
  return new UserError(message, { code: 'STATE_CONFLICT', exitCode: ExitCode.refused, hint });
}
