import { resolve } from 'node:path';

import { type LogFile, openLog } from '../../lib/access-log/file.js';
import { counted, formatCount } from '../../lib/core/units.js';
import type { LoadPlan } from '../../lib/load/generator.js';
import { checkLimits } from '../../lib/load/limits.js';
import { type LogCounts, LogRecording } from '../../lib/load/replay/recording.js';
import type { LoadResult } from '../../lib/load/result.js';
import { latenciesOpener } from '../../lib/load/tally.js';
import { readCommand } from '../../runtime/command.js';
import type { Context } from '../../runtime/context.js';
import { flag } from '../../runtime/flags.js';
import { presentLoad } from '../../ui/load.js';
import { replayFacts } from '../../ui/load-report/plan.js';
import { conclude, countsOf, send } from './shared/conclude.js';
import { outputFlags, rehearseOutputs, writeOutputs } from './shared/output-flags.js';
import { readReplay, replayFlags } from './shared/replay-flags.js';
import { sendingFlags } from './shared/sending-flags.js';
import { thresholdFlags, thresholdsOf } from './shared/threshold-flags.js';
import { targetsWith, transportFlags, transportOf } from './shared/transport-flags.js';

interface ReplayResult extends LoadResult {
  readonly log: LogCounts & { readonly source: string; readonly speed: number };
}

export const replay = readCommand({
  name: 'load replay',
  summary: 'send the requests of an access log again, at their own times',
  description:
    'Each request is due when the log says, counted from its first line; those of one second are spread evenly over it ' +
    'unless the log has parts of seconds. The log is read while it is replayed, and may be of any size. An answer is expected when its status is ' +
    "below 400, or is that of the log's line and below 500.",
  synonyms: ['load playback', 'load shadow'],
  args: { log: { help: 'an access log, also as .gz; - is standard input', required: true } },
  flags: {
    ...replayFlags,
    connections: flag.count({ help: 'the maximum of open connections', default: '1000' }),
    ...sendingFlags,
    ...thresholdFlags,
    ...outputFlags,
    ...transportFlags,
  },
  examples: [
    {
      does: "does the new build hold yesterday's traffic, twice as fast?",
      command:
        "metrify load replay access.log.1 --url http://127.0.0.1:8080 --speed 2x --threshold 'p95<200ms,error_rate<1%'",
    },
    {
      does: 'what a pipe brings, such as one hour of a log',
      command: 'metrify load replay - --url http://127.0.0.1:8080',
    },
  ],
  junit: true,

  async read(input, context) {
    const { target, host, options } = readReplay(input);
    const thresholds = thresholdsOf(input);
    const log = await open(input.log, context);
    const recording = new LogRecording(log, options);
    const plan: LoadPlan = {
      targets: await targetsWith([target], input),
      workload: { requests: [] },
      arrivals: {
        loop: 'recorded',
        host,
        requests: (signal) => recording.requests(signal),
        endMs: () => recording.endMs,
      },
      durationMs: undefined,
      maxConnections: input.connections,
      drainMs: input.drain,
      timeoutMs: input.requestTimeout,
      connectTimeoutMs: Math.min(input.requestTimeout, 5000),
      threads: input.threads,
      ...transportOf(input),
    };
    await checkLimits(plan, (message) => context.warn(message));
    await rehearseOutputs(input);
    const { tally, result: sent } = await send(plan, thresholds, context, { title: log.label, noLive: true });
    const { counts } = recording;
    const result: ReplayResult = { ...sent, log: { source: log.label, speed: options.speed, ...counts } };
    warnOf(counts, log.label, context);
    context.applied(() => result);
    await writeOutputs(result, input, context, {
      title: log.label,
      plan: replayFacts({ target: input.url!, source: log.label, speed: options.speed, plan }),
      tally,
      open: await latenciesOpener(),
    });
    context.signal.throwIfAborted();
    if (recording.failure) throw recording.failure;
    return conclude(tally, result, host);
  },

  counts: (result) => ({ ...countsOf(result), read: result.log.read, malformed: result.log.malformed }),

  present({ log, ...result }, printer) {
    const { skipped } = log;
    const left = Object.values(skipped).reduce((sum, count) => sum + count, log.malformed);
    const speed = log.speed === 1 ? '' : `, ${log.speed} times as fast`;
    printer.line(
      `${counted(log.read, 'line')} of ${log.source}${speed}: ${counted(log.requests, 'request')}, ${formatCount(left)} left out`,
    );
    presentLoad(result, printer);
  },
});

async function open(path: string, context: Context): Promise<LogFile> {
  if (path === '-') return { label: 'standard input', stream: context.terminal.stdin };
  const file = resolve(context.cwd, path);
  await context.files.add({ name: 'the log', path: file, access: 'read' });
  const log = await openLog(file);
  context.closing(() => void log.stream.destroy());
  return { ...log, label: path };
}

function warnOf({ read, malformed, skipped, tooLate }: LogCounts, label: string, context: Context): void {
  const warn = (count: number, what: string) => {
    if (count > 0) context.warn(`${formatCount(count)} of ${counted(read, 'line')} of ${label} ${what}`);
  };
  warn(malformed, 'could not be read, and were left out');
  warn(skipped.undated, 'have no time that can be read, and were left out');
  warn(skipped.unsafe, 'have a path that is not sent again, and were left out');
  warn(tooLate, 'came more than a minute after their time, and were sent late');
}
