import type { Requirement } from '../../../servers/require.js';
import type { Finished } from '../../run.js';
import type { Fault } from './fault.js';

/** Servers of one kind that metrify talks to, each through a proxy. A group adds its own to `systems.ts`. */
export interface System {
  readonly needs: readonly Requirement[];
  /**
   * Starts what there is to start, for one run at a time.
   *
   * @param folder - Empty, and removed at the end.
   * @param behind - Resolves to the port of a new proxy in front of a server's port on loopback, which is listed with
   *   the replies that a lying server of its protocol may add.
   */
  open(folder: string, behind: (port: number, extras: readonly string[]) => Promise<number>): Promise<Place>;
}

export interface Place {
  /** How metrify finds the servers. */
  readonly env: Readonly<Record<string, string>>;
  /** Each prepares the servers, and says what is run and what must hold afterwards. */
  readonly verbs: Readonly<Record<string, () => Promise<Errand>>>;
  close?(): Promise<void>;
}

export interface Errand {
  /** Without `--json` and `--timeout`. */
  readonly args: readonly string[];
  readonly cwd?: string;
  /** Compares what was said with what the servers hold. */
  check(run: Run): Promise<void>;
}

export interface Run {
  readonly end: Finished;
  /** Undefined: nothing was done to the run. */
  readonly fault: Fault | undefined;
  /** No server lied. */
  readonly honest: boolean;
  /** The same command again, without a fault. */
  again(): Promise<Finished>;
}
