import type { FileRole } from './file-roles.js';

/** How one configured system is examined: who it is, and whether it does what it is configured for. */
export interface Examiner {
  /** Its name for people: `Redis`. */
  readonly system: string;
  /** Where it is, as the configuration says: `127.0.0.1:6379`. */
  readonly target: string;
  /** Files that are read meanwhile. */
  readonly files?: readonly Omit<FileRole, 'access'>[];
  /** @throws UserError when it does not answer, or refuses us; the signal's reason. */
  ask(inquiry: Inquiry): Promise<Answered>;
}

/** What an examination may take, and how it is measured. */
export interface Inquiry {
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly signal: AbortSignal;
  /** Milliseconds that one such request takes: the median of several. */
  latency(request: () => Promise<unknown>): Promise<number>;
}

export interface Answered {
  /** More precise than the configuration has it. */
  target?: string;
  version?: string | undefined;
  /** Of one round trip; of several servers the slowest. */
  latencyMs?: number;
  /** What is worth knowing of it. */
  notes?: readonly string[];
}
