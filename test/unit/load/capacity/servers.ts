import type { Observation, Step } from '../../../../src/lib/load/capacity/search.js';
import { normal, type Random } from '../../statistics/sampling.js';

/** What a step does to a server, and whether it held. */
export type Server = (step: Step) => Observation;

/**
 * `workers` that take exponential times, `rate` requests a second together at most; arrivals at a constant rate, first come,
 * first served. What is not done at the end of a step is still to be done in the next one.
 */
export function queue(random: Random, { rate, workers }: { rate: number; workers: number }): Server {
  const free = Array.from({ length: workers }, () => 0);
  let now = 0;
  return (step) => {
    now += step.pauseMs / 1000;
    const count = Math.floor((step.rate * step.durationMs) / 1000);
    const latencies = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      const arrival = now + i / step.rate;
      let next = 0;
      for (let w = 1; w < workers; w++) if (free[w]! < free[next]!) next = w;
      const done = Math.max(arrival, free[next]!) - (Math.log(random()) * workers) / rate;
      free[next] = done;
      latencies[i] = done - arrival;
    }
    now += step.durationMs / 1000;
    const p95 = latencies.sort()[Math.ceil(0.95 * count) - 1] ?? 0;
    return { holds: p95 < 0.2, achieved: step.rate };
  };
}

/** Refuses what exceeds its rate; 1 % of errors are within the thresholds. */
export function hardCap(cap: number): Server {
  return ({ rate }) => ({ holds: rate * 0.99 <= cap, achieved: rate });
}

/** Holds or not, the closer to its rate the more by chance; wrong once in `wrongIn` answers besides. */
export function noisy(random: Random, capacity: number, { spread = 0.02, wrongIn = 50 } = {}): Server {
  return ({ rate }) => {
    const holds = rate * Math.exp(spread * normal(random)) <= capacity;
    return { holds: random() < 1 / wrongIn ? !holds : holds, achieved: rate };
  };
}

/** Never comes back after it was sent twice as much as it can take. */
export function fragile(capacity: number): Server {
  let broken = false;
  return ({ phase, rate }) => {
    if (phase === 'overload') broken = true;
    return { holds: !broken && rate <= capacity, achieved: rate };
  };
}

/** A generator that sends no more than `most`, in front of a server that could take it all. */
export function generatorOf(most: number): Server {
  return ({ rate }) => ({ holds: rate <= most ? true : 'unclear', achieved: Math.min(rate, most) });
}
