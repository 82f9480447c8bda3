import { explained } from '../core/errors.js';
import type { Examiner, Inquiry } from '../core/examiner.js';
import { fileTrouble } from '../core/unreadable.js';
import { Latencies } from '../measure/latencies.js';

export interface Examination {
  system: string;
  target: string;
  state: 'ok' | 'failed';
  version?: string;
  /** Median of several round trips; of several servers the slowest. */
  latencyMs?: number;
  notes: readonly string[];
  problem?: string;
  hint?: string;
}

const samples = 5;

/** Asks all at once, none failing the others. @throws the signal's reason */
export function examine(
  examiners: readonly Examiner[],
  limits: Omit<Inquiry, 'latency'>,
): Promise<Examination[]> {
  const inquiry: Inquiry = { ...limits, latency: medianMs };
  return Promise.all(examiners.map((examiner) => examineOne(examiner, inquiry)));
}

async function examineOne({ system, target, ask }: Examiner, inquiry: Inquiry): Promise<Examination> {
  try {
    const { version, notes = [], ...found } = await ask(inquiry);
    return { system, target, state: 'ok', ...found, ...(version ? { version } : {}), notes };
  } catch (error) {
    inquiry.signal.throwIfAborted();
    const problem = explained(error) ?? fileTrouble(error);
    if (!problem) throw error;
    const hint = problem.hint === undefined ? {} : { hint: problem.hint };
    return { system, target, state: 'failed', notes: [], problem: problem.message, ...hint };
  }
}

async function medianMs(request: () => Promise<unknown>): Promise<number> {
  const latencies = await Latencies.open();
  for (let i = 0; i < samples; i++) {
    const started = performance.now();
    await request();
    latencies.record(performance.now() - started);
  }
  return latencies.quantile(0.5);
}
