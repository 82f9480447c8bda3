import { UserError } from '../../lib/core/errors.js';
import { arrivalsOf } from '../../lib/load/arrivals.js';
import type { LoadPlan } from '../../lib/load/generator.js';
import { prepare, targetOf } from '../../lib/load/request.js';
import { parseStages } from '../../lib/load/stages.js';
import { parseThreshold } from '../../lib/load/threshold.js';
import { readCommand } from '../../runtime/command.js';
import { flag } from '../../runtime/flags.js';
import { presentLoad } from '../../ui/load.js';
import { concluded, send } from './shared/conclude.js';
import { engineFlags, generatorOf } from './shared/engine-flags.js';
import { sendingFlags } from './shared/sending-flags.js';

const flags = {
  rate: flag.parsed('N', positive, {
    help: 'requests a second, due at fixed times whatever the answers are (an open loop)',
  }),
  stages: flag.parsed('DURATION:RATE,…', parseStages, {
    help: 'an open loop whose rate goes in straight lines: 30s:100,1m:500',
  }),
  connections: flag.count({
    help: 'a closed loop: so many connections, each with one request after the other; with --rate or --stages the maximum',
  }),
  duration: flag.duration({ help: 'how long requests are due', default: '10s' }),
  ...sendingFlags,
  ...engineFlags,
};

export const run = readCommand({
  name: 'load run',
  summary: 'send requests at a rate or over connections, and judge the answers',
  description:
    'Each request is due at a time, and its latency counts from then, whether or not the generator could send it: a server that ' +
    'stalls makes all of them slow. Latencies are those of expected answers (status below 400); requests without an ' +
    'answer at the end count with their age, and quantiles that they bound are printed with ≥.',
  args: { url: { help: 'what is requested', required: true } },
  flags,
  examples: [
    {
      does: 'does it hold 500 requests a second?',
      command:
        "metrify load run http://127.0.0.1:8080/api/v1/meter-readings --rate 500 --duration 1m --threshold 'p95<200ms,error_rate<1%'",
    },
    {
      does: 'as fast as 50 connections go',
      command: 'metrify load run http://127.0.0.1:8080/ --connections 50 --duration 10s',
    },
  ],
  junit: true,

  async read(input, context) {
    const { target, path, host } = targetOf(input.url);
    const name = `GET ${path.replace(/\?.*/, '')}`;
    const request = prepare(name, path, host, { method: 'GET', headers: [] });
    const plan: LoadPlan = {
      targets: [target],
      workload: { requests: [{ weight: 1, request }] },
      ...arrivalsOf(input),
      drainMs: input.drain,
      timeoutMs: input.requestTimeout,
      connectTimeoutMs: Math.min(input.requestTimeout, 5000),
      threads: input.threads,
    };
    const thresholds = input.threshold.map(parseThreshold);
    const generator = generatorOf(input, flags);
    return concluded(await send(plan, thresholds, context, generator), host, context);
  },

  counts: ({ sent, answered, failed, incomplete }) => ({ sent, answered, failed, incomplete }),

  present: presentLoad,
});

function positive(text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text) || Number(text) === 0)
    throw new UserError(`'${text}' is not a rate`, { hint: 'Give requests a second, like 500 or 0.4.' });
  return Number(text);
}
