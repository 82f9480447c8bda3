import { UserError } from '../../core/errors.js';
import type { RequestPlan, Text } from '../scenario/plan.js';
import { escapeFor } from '../scenario/escape.js';
import { comments, secondsText } from './code.js';
import { headerText, headerTexts, urlText } from './parts.js';
import { type Exported, type ExportSource, type ExportTask, originAt, requestsIn } from './source.js';

/** Most targets, so that vegeta reads them at once. */
const most = 20_000;

/**
 * Targets for vegeta, which sends them one after the other and begins again: tasks in turn, each as often as its weight says.
 * vegeta carries nothing from one request to the next, so steps that need an answer are left out.
 */
export function exportVegeta(source: ExportSource): Exported {
  const losses = new Set<string>();
  const order = turns(source.tasks, roundsFor(source));
  const rows = source.feeds.map(() => 0);
  const headers = secretHeaders(source);
  const targets = order.flatMap((task) => targetsOf(task, source, { rows, losses, headers }));
  if (targets.length === 0)
    throw new UserError('vegeta can send none of these requests', {
      hint: [...losses].join(' '),
      code: 'NOTHING_TO_EXPORT',
    });
  const perTask = targets.length / order.length;
  for (const loss of lossesOf(source)) losses.add(loss);
  return {
    files: new Map([
      ['targets.json', targets.map((target) => `${JSON.stringify(target)}\n`).join('')],
      ['attack.sh', attack(source, perTask, { headers, losses: [...losses] })],
    ]),
    losses: [...losses],
  };
}

function lossesOf({ tasks, setup, teardown, wait, load, timing, thresholds }: ExportSource): string[] {
  const steps = tasks.flatMap((task) => task.steps);
  const has = (some: (step: RequestPlan) => boolean) => steps.some((step) => 'request' in step && some(step));
  return [
    ...(setup || teardown ? ['vegeta has no setup and teardown.'] : []),
    ...(wait || steps.some((step) => 'wait' in step) ? ['vegeta has no waits.'] : []),
    ...(has(({ checks }) => checks.length > 0) ? ['vegeta has no checks.'] : []),
    ...(has(({ request }) => request.expected !== undefined)
      ? ['vegeta takes a status from 200 to 399 for a success, whatever is expected.']
      : []),
    ...(has(({ obeysRetryAfter }) => obeysRetryAfter) ? ['vegeta does not obey Retry-After.'] : []),
    ...(load.isPoisson ? ['vegeta has no random times between arrivals: they are equal.'] : []),
    ...(load.stages.some(({ from, to }) => from !== to) ? ['vegeta has no ramps: each is ten steps.'] : []),
    ...(load.of === 'users' ? ['vegeta has no users: a worker for each sends as fast as it can.'] : []),
    ...(timing.warmupMs > 0
      ? ['vegeta has no warm-up: it is a separate attack, which is not reported.']
      : []),
    ...(thresholds.length > 0
      ? [`vegeta has no thresholds: ${thresholds.map(({ expression }) => expression).join(', ')}.`]
      : []),
  ];
}

/** Enough for each row of the longest feed. */
function roundsFor({ feeds, tasks }: ExportSource): number {
  const steps = Math.max(1, ...tasks.map((task) => task.steps.length));
  return Math.min(Math.floor(most / steps), Math.max(1000, ...feeds.map(({ rows }) => rows.length)));
}

/** Tasks in turn, so that in any part of the list each has its share (smooth weighted round robin). */
function turns(tasks: readonly ExportTask[], count: number): ExportTask[] {
  const total = tasks.reduce((sum, { weight }) => sum + weight, 0);
  const credit = tasks.map(() => 0);
  return Array.from({ length: count }, () => {
    let next = 0;
    tasks.forEach(({ weight }, i) => {
      credit[i]! += weight;
      if (credit[i]! > credit[next]! + 1e-9) next = i;
    });
    credit[next]! -= total;
    return tasks[next]!;
  });
}

interface VegetaTarget {
  readonly method: string;
  readonly url: string;
  readonly header: Readonly<Record<string, readonly string[]>>;
  /** Base64. */
  readonly body?: string;
}

interface Walk {
  /** How many rows of each feed were taken. */
  readonly rows: number[];
  readonly losses: Set<string>;
  /** Those that attack.sh adds. */
  readonly headers: ReadonlyMap<string, string>;
}

function targetsOf(
  task: ExportTask,
  { feeds, secrets }: ExportSource,
  { rows, losses, headers }: Walk,
): VegetaTarget[] {
  const taken = new Map(task.feeds.map((feed) => [feed, rows[feed]!++ % feeds[feed]!.rows.length]));
  const fill = (text: Text): string =>
    text
      .map((part) => {
        if (typeof part === 'string') return part;
        const { from, into } = part;
        if (from.kind === 'column')
          return escapeFor(into, feeds[from.feed]!.rows[taken.get(from.feed)!]![from.column]!);
        if (from.kind === 'captured') throw new NotStatic(from.name);
        losses.add(`{${from.kind}} is filled once for each target, when it is exported.`);
        return escapeFor(into, from.kind === 'uuid' ? crypto.randomUUID() : new Date().toISOString());
      })
      .join('');
  const targets: VegetaTarget[] = [];
  for (const step of task.steps) {
    if ('wait' in step) continue;
    try {
      targets.push(targetOf(task, step, headers, fill));
    } catch (error) {
      if (!(error instanceof NotStatic)) throw error;
      const isSecret = secrets.some(({ name }) => name === error.fill);
      const why = isSecret
        ? 'it needs a secret, which is in no file'
        : 'it needs what was captured from an answer';
      losses.add(`${step.request.name} of ${task.name} is left out: ${why}.`);
    }
  }
  return targets;
}

/**
 * Headers with a secret which all requests have alike, as words of a shell in which its variable stands. With several origins there
 * are none: a secret goes to no other server than the scenario says.
 */
function secretHeaders({ tasks, secrets }: ExportSource): ReadonlyMap<string, string> {
  const requests = tasks.flatMap((task) =>
    requestsIn([task]).map((step) => ({
      origin: originAt(task, step),
      headers: step.template?.headers ?? [],
    })),
  );
  if (new Set(requests.map(({ origin }) => origin)).size > 1) return new Map();
  const shellText = (text: Text): string | undefined => {
    const parts = text.map((part) => {
      if (typeof part === 'string') return part.replace(/["$`\\]/g, '\\$&');
      const secret = secrets.find(({ name }) => part.from.kind === 'captured' && part.from.name === name);
      return secret && `\${${secret.variable}:?}`;
    });
    return parts.includes(undefined) ? undefined : parts.join('');
  };
  const all = requests.map(
    ({ headers }) => new Map(headers.map(([name, text]) => [name, shellText(text)] as const)),
  );
  const common = new Map<string, string>();
  for (const [name, text] of all[0] ?? [])
    if (text !== undefined && all.every((one) => one.get(name) === text)) common.set(name, text);
  return common;
}

/** It is known only while the test runs. */
class NotStatic extends Error {
  override readonly name = 'NotStatic';
  constructor(readonly fill: string) {
    super(fill);
  }
}

function targetOf(
  task: ExportTask,
  step: RequestPlan,
  headers: ReadonlyMap<string, string>,
  fill: (text: Text) => string,
): VegetaTarget {
  const { request, template } = step;
  const header: Record<string, string[]> = {};
  for (const [name, text] of headerTexts(step))
    if (!headers.has(name)) header[name] = [...(header[name] ?? []), headerText(fill(text))];
  const body = template?.body ? Buffer.from(fill(template.body)) : request.body;
  return {
    method: request.method,
    url: fill(urlText(task, step)),
    header,
    ...(body && { body: Buffer.from(body).toString('base64') }),
  };
}

/** @param perTask requests of a task, on average */
function attack(
  { label, load, timing, verifiesTls }: ExportSource,
  perTask: number,
  { headers, losses }: { readonly headers: ReadonlyMap<string, string>; readonly losses: readonly string[] },
): string {
  const first = load.stages[0]!;
  const level = first.from > 0 ? first.from : first.to;
  const options = [
    '-format=json -targets=targets.json -redirects=-1',
    `-timeout=${secondsText(timing.timeoutMs)}s`,
    ...(verifiesTls ? [] : ['-insecure']),
    ...[...headers].map(([name, text]) => `-header="${name}: ${text}"`),
  ].join(' ');
  const pace = (value: number) =>
    load.of === 'users'
      ? `-rate=0 -max-workers=${Math.max(1, Math.round(value))}`
      : `-rate=${rateText(value * perTask)} -max-connections=${load.maxConnections}`;
  const line = (durationMs: number, value: number, output: string) =>
    `vegeta attack ${options} ${pace(value)} -duration=${secondsText(durationMs)}s > ${output}`;
  const steps = load.stages.flatMap(({ durationMs, from, to }) => {
    const parts = from === to ? 1 : 10;
    return Array.from({ length: parts }, (_, i) => ({
      durationMs: durationMs / parts,
      value: from + ((to - from) * (i + 0.5)) / parts,
    }));
  });
  return [
    '#!/bin/sh',
    ...comments('#', [
      `From ${label}, by metrify load export --engine vegeta.`,
      ...losses.map((loss) => `Different: ${loss}`),
    ]),
    'set -e',
    'cd "$(dirname "$0")"',
    ...(timing.warmupMs > 0 ? [line(timing.warmupMs, level, '/dev/null')] : []),
    ...steps
      .filter(({ value }) => value > 0)
      .map(({ durationMs, value }, i) => line(durationMs, value, `results-${i}.bin`)),
    'vegeta report results-*.bin',
    '',
  ].join('\n');
}

/** vegeta's rates are whole numbers over a time. */
function rateText(perSecond: number): string {
  return `${Math.max(1, Math.round(perSecond * 1000))}/1000s`;
}
