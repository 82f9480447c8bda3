import { createHash } from 'node:crypto';
import { realpath, rm, stat } from 'node:fs/promises';
import type { Clock } from '../../../core/clock.js';
import {
  ServiceConflict,
  ServiceRefused,
  ServiceUnavailable,
  UserError,
  errorMessage,
  systemCode,
} from '../../../core/errors.js';
import { unifiedDiff } from '../../../core/unified-diff.js';
import type { LeaseStore } from '../../lease.js';
import {
  type Commit,
  type Route,
  type RouteChange,
  type RouteView,
  sameWeights,
  type Weights,
} from '../../route.js';
import { FileLease } from './file-lease.js';
import {
  type Ownership,
  beside,
  fileProblem,
  keep,
  put,
  readIfThere,
  remove,
  replace,
  stage,
} from './files.js';
import type { WeightFormat, WeightedFile } from './format.js';
import { withLock } from './locked.js';
import { type Marker, readMarker } from './marker.js';
import type { RouteServer } from './server.js';

/** A view that knows the file it was read from. */
interface FileView extends RouteView {
  readonly content: Buffer;
}

/** Everything on the disk, as it stood at one instant. */
interface Snapshot {
  readonly content: Buffer;
  readonly state: string | undefined;
  /** Of a change that was begun. */
  readonly marker: Buffer | undefined;
}

/**
 * A route that is a configuration file: its weights are in the file, metrify's state and lease beside it.
 *
 * A change of weights is first written down as a whole in a marker, then the file is swapped, the server takes it, the
 * state is swapped, and the marker goes. Whatever instant it is killed at, a marker that is there says what was asked
 * for, and no marker means that nothing is under way. All that needs space on the disk is written before the marker.
 */
export class FileRoute implements Route {
  readonly name: string;
  readonly leases: LeaseStore;
  private readonly own: Record<
    'state' | 'marker' | 'lock' | 'next' | 'nextState' | 'begun' | 'old' | 'oldMarker',
    string
  >;

  private constructor(
    private readonly path: string,
    private readonly format: WeightFormat,
    private readonly server: RouteServer,
    clock: Clock,
  ) {
    this.name = path;
    this.leases = new FileLease(path, clock);
    const own = (name: string) => beside(path, name);
    this.own = {
      state: own('json'),
      marker: own('applying'),
      lock: own('lock'),
      next: own('next'),
      nextState: own('json.next'),
      begun: own('applying.next'),
      old: own('old'),
      oldMarker: own('applying.old'),
    };
  }

  /** Symbolic links are followed: what they name is the file that is swapped. */
  static async open(
    path: string,
    clock: Clock,
    make: (path: string) => { format: WeightFormat; server: RouteServer },
  ): Promise<FileRoute> {
    const target = await findFile(path);
    const { format, server } = make(target);
    return new FileRoute(target, format, server, clock);
  }

  async read(signal: AbortSignal): Promise<RouteView> {
    const found = await this.snapshot();
    if (!found.marker) return this.view(found);
    // It may be at work this very moment. Who may not lock is told that it is unfinished.
    await withLock(this.own.lock, this.name, signal, async () => undefined).catch(() =>
      signal.throwIfAborted(),
    );
    return this.view(await this.snapshot());
  }

  /** A file whose pair has but few parts of the traffic has the nearest of them. */
  shows(view: RouteView, weights: Weights): boolean {
    if (sameWeights(view.weights, weights)) return true;
    const written = this.format((view as FileView).content).withWeights(weights);
    return sameWeights(view.weights, this.format(written).weights);
  }

  describe(view: RouteView, { weights, state }: Commit): RouteChange[] {
    const changes: RouteChange[] = [{ object: this.own.state, patch: state }];
    if (!weights && !view.unfinished) return changes;
    const content = this.format((view as FileView).content).withWeights(weights ?? view.weights);
    const diff = unifiedDiff(this.path, (view as FileView).content.toString(), content.toString());
    return [{ object: this.path, patch: content.toString(), diff }, ...changes];
  }

  commit(view: RouteView, { weights, state }: Commit, signal: AbortSignal): Promise<RouteView> {
    return withLock(this.own.lock, this.name, signal, async () => {
      const found = await this.snapshot();
      const current = this.view(found);
      this.requireSame(view, current);
      signal.throwIfAborted();
      if (weights || current.unfinished) await this.shift(found, weights ?? current.weights, state, signal);
      else await put(this.own.state, state);
      return this.view(await this.snapshot());
    });
  }

  private async shift(found: Snapshot, to: Weights, state: string, signal: AbortSignal): Promise<void> {
    const { own } = this;
    const file = this.format(found.content);
    const content = file.withWeights(to);
    const turn = await this.server.prepare(content, signal);
    const marker: Marker = { from: file.weights, to, state };
    try {
      await stage(own.next, content, await this.ownership());
      await stage(own.nextState, state);
      await stage(own.begun, JSON.stringify(marker));
      await keep(this.path, own.old);
      if (found.marker) await keep(own.marker, own.oldMarker);
      signal.throwIfAborted();
      if (!(await this.holds(found.content))) throw this.conflict();
      // From here on it is finished or taken back, however hard it is asked to stop.
      await replace(own.begun, own.marker);
      try {
        await replace(own.next, this.path);
        await turn.take();
      } catch (error) {
        throw await this.takeBack(error, found, content, () => turn.takeBack());
      }
      await replace(own.nextState, own.state);
      await remove(own.marker);
    } finally {
      for (const path of [own.next, own.nextState, own.begun, own.old, own.oldMarker])
        await rm(path, { force: true }).catch(() => undefined);
    }
  }

  /** @returns what to throw: why it was taken back, and whether that worked */
  private async takeBack(
    reason: unknown,
    found: Snapshot,
    written: Buffer,
    inServer: () => Promise<void>,
  ): Promise<unknown> {
    const { own } = this;
    let outcome = 'the old configuration is back';
    let isBack = true;
    try {
      if (await this.holds(written)) await replace(own.old, this.path);
      else if (!(await this.holds(found.content))) {
        outcome = `${this.path} was edited meanwhile and is left as it is`;
      }
      await inServer();
      if (found.marker) await replace(own.oldMarker, own.marker);
      else await remove(own.marker);
    } catch (error) {
      isBack = false;
      outcome = `going back failed as well: ${errorMessage(error)}`;
    }
    if (!(reason instanceof UserError)) return reason;
    // What a server did not answer in time may be tried again.
    const Kind = reason instanceof ServiceUnavailable && isBack ? ServiceUnavailable : ServiceRefused;
    return new Kind(`${reason.message}; ${outcome}`, {
      code: reason.code,
      cause: reason,
      ...(reason.hint === undefined ? {} : { hint: reason.hint }),
    });
  }

  private view({ content, state, marker }: Snapshot): FileView {
    const begun = marker && readMarker(marker);
    const file: WeightedFile = this.format(content);
    return {
      content,
      weights: begun?.to ?? file.weights,
      state: begun?.state ?? state,
      revision: hash(content, state, marker),
      changedBy: undefined,
      unfinished: marker !== undefined,
    };
  }

  /** Reads until nothing changed between two readings, so that the parts belong together. */
  private async snapshot(): Promise<Snapshot> {
    for (let attempt = 1, before = ''; ; attempt++) {
      const marker = await readIfThere(this.own.marker);
      const state = (await readIfThere(this.own.state))?.toString();
      const content = await readIfThere(this.path);
      if (!content) throw new UserError(`${this.path} does not exist any more`, { code: 'ROUTE_NOT_FOUND' });
      const revision = hash(content, state, marker);
      if (revision === before || attempt > 20) return { content, state, marker };
      before = revision;
    }
  }

  /** Other lines of the file may have been edited since. */
  private requireSame(seen: RouteView, current: RouteView): void {
    if (seen.revision === current.revision) return;
    const same =
      seen.weights.canary === current.weights.canary &&
      seen.state === current.state &&
      seen.unfinished === current.unfinished;
    if (!same) throw this.conflict();
  }

  private conflict(): ServiceConflict {
    return new ServiceConflict(`${this.path} or ${this.own.state} was changed by somebody else meanwhile`, {
      hint: 'See how it stands with status, then try again.',
    });
  }

  private async holds(content: Buffer): Promise<boolean> {
    return (await readIfThere(this.path))?.equals(content) ?? false;
  }

  private async ownership(): Promise<Ownership> {
    const { mode, uid, gid } = await stat(this.path);
    return { mode, uid, gid };
  }
}

/** The file that a path leads to. @throws UserError when there is none */
export async function findFile(path: string): Promise<string> {
  try {
    const target = await realpath(path);
    if ((await stat(target)).isFile()) return target;
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR')
      throw new UserError(`${path} does not exist`, {
        code: 'ROUTE_NOT_FOUND',
        hint: 'Name the file that carries the weights as the route.',
      });
    throw fileProblem(`${path} cannot be read`, error);
  }
  throw new UserError(`${path} is no file`, { code: 'ROUTE_NOT_FOUND' });
}

function hash(content: Buffer, state: string | undefined, marker: Buffer | undefined): string {
  const parts = [content, state ?? '', marker ?? ''].map((part) =>
    createHash('sha256').update(part).digest('hex'),
  );
  return parts.join('.');
}
