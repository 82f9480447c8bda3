import type { EngineJob, Stage, Target } from '../job.js';
import { Compiler } from '../scenario/compile.js';
import { type Feed, FeedReader } from '../scenario/feed.js';
import type { RequestPlan, TaskPlan } from '../scenario/plan.js';
import type { Scenario, ScenarioStep } from '../scenario/schema.js';
import type { Wait } from '../scenario/wait.js';
import { parseThreshold, type Threshold } from '../threshold.js';

/** What is exported: a scenario in which secrets are names, and rows of feeds are data. */
export interface ExportSource {
  /** The scenario's file, for comments. */
  readonly label: string;
  readonly verifiesTls: boolean;
  readonly setup: ExportTask | undefined;
  /** All with a weight above 0. */
  readonly tasks: readonly ExportTask[];
  readonly teardown: ExportTask | undefined;
  readonly feeds: readonly ExportFeed[];
  readonly secrets: readonly Secret[];
  /** Between the tasks of a user of a closed loop. */
  readonly wait: Wait | undefined;
  readonly load: ExportLoad;
  readonly timing: ExportTiming;
  readonly thresholds: readonly Threshold[];
}

export interface ExportTask extends TaskPlan {
  /** `http://127.0.0.1:8080`, by the index of a request's target. */
  readonly origins: readonly string[];
}

export interface ExportFeed {
  readonly name: string;
  readonly order: Feed['order'];
  /** In which the `column` of a `Source` is an index. */
  readonly rows: readonly (readonly string[])[];
}

/** A value that is given as an environment variable. */
export interface Secret {
  /** Of its placeholder. */
  readonly name: string;
  readonly variable: string;
}

/** How much load, over time. Rates are iterations of tasks a second. */
export interface ExportLoad {
  readonly of: 'rate' | 'users';
  readonly stages: readonly Stage[];
  readonly isPoisson: boolean;
  readonly maxConnections: number;
}

export type ExportTiming = Pick<EngineJob, 'drainMs' | 'timeoutMs'> & { readonly warmupMs: number };

/** What another engine runs. */
export interface Exported {
  /** By their names. */
  readonly files: ReadonlyMap<string, string>;
  /** What the other engine does not do, in sentences. */
  readonly losses: readonly string[];
}

export interface ExportOptions {
  readonly label: string;
  /** Of placeholders in the scenario's texts. */
  readonly secrets: readonly Secret[];
  readonly feeds: ReadonlyMap<string, Feed>;
  /** The bytes of each `bodyFile`. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly load: ExportLoad;
  readonly timing: ExportTiming;
}

export function exportSource(scenario: Scenario, options: ExportOptions): ExportSource {
  const { setup, tasks, teardown, wait, thresholds = [], tlsVerify = true } = scenario;
  const { label, secrets, feeds, files, load, timing } = options;
  const names = secrets.map(({ name }) => name);
  const compiled = (given: readonly string[], compile: (compiler: Compiler) => TaskPlan[]): ExportTask[] => {
    const compiler = new Compiler(scenario, { feeds, files, captured: {}, given });
    const plans = compile(compiler);
    return plans.map((plan) => ({ ...plan, origins: compiler.targets.map(originOf) }));
  };
  const after = [...names, ...capturedIn(setup)];
  const once = (name: string, steps: readonly ScenarioStep[] | undefined, given: readonly string[]) =>
    steps && compiled(given, (compiler) => [compiler.once(name, steps)])[0];
  return {
    label,
    verifiesTls: tlsVerify,
    setup: once('setup', setup, names),
    tasks: compiled(after, (compiler) => compiler.tasks()).filter((_, i) => tasks[i]!.weight !== 0),
    teardown: once('teardown', teardown, after),
    feeds: [...feeds.values()].map(rowsOf),
    ...{ secrets, wait, load, timing },
    thresholds: thresholds.map(parseThreshold),
  };
}

/** The URL up to the path of a request. */
export function originAt({ origins }: ExportTask, { request }: RequestPlan): string {
  return origins[request.target]!;
}

export function requestsIn(tasks: readonly ExportTask[]): RequestPlan[] {
  return tasks.flatMap(({ steps }) => steps.filter((step): step is RequestPlan => 'request' in step));
}

function originOf({ host, port, tls }: Target): string {
  return `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function capturedIn(steps: readonly ScenarioStep[] = []): string[] {
  return steps.flatMap(({ capture = {} }) => Object.keys(capture));
}

function rowsOf(feed: Feed): ExportFeed {
  const reader = new FeedReader(feed, Math.random);
  const rows = Array.from({ length: feed.rows }, (_, row) =>
    feed.columns.map((_, column) => reader.value(row, column)),
  );
  return { name: feed.name, order: feed.order, rows };
}
