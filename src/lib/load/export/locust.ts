import type { RequestPlan, Source, StepPlan, Text } from '../scenario/plan.js';
import { captureCheck } from '../scenario/plan.js';
import type { Wait } from '../scenario/wait.js';
import { type Code, comments, literal, printCode, secondsText, textIn, wholeNumbers } from './code.js';
import { locustHelpers } from './locust-helpers.js';
import { locustThresholds } from './locust-thresholds.js';
import { feedFile, headerTexts, pathLiteral, urlText } from './parts.js';
import { type Exported, type ExportSource, type ExportTask } from './source.js';

/** A locustfile, with the rows of feeds beside it. */
export function exportLocust(source: ExportSource): Exported {
  const { thresholds, losses: unsaid } = locustThresholds(source);
  const losses = [...unsaid, ...lossesOf(source)];
  const code = printCode(programOf(source, thresholds, losses), '    ');
  return {
    files: new Map([
      ['locustfile.py', code],
      ...source.feeds.map(({ rows }, i): [string, string] => [feedFile(i), `${JSON.stringify(rows)}\n`]),
    ]),
    losses,
  };
}

function lossesOf({ load, timing, setup, teardown, thresholds }: ExportSource): string[] {
  return [
    ...(load.of === 'rate'
      ? [
          'Locust has no open loop: each user begins a task a second at most, and later where the server is slow, so that its latencies lack the wait.',
        ]
      : []),
    ...(load.isPoisson ? ['Locust has no random times between arrivals.'] : []),
    ...(timing.warmupMs > 0 ? ['Locust has no warm-up: it counts with the rest.'] : []),
    ...(setup || teardown ? ['With several workers, each runs setup and teardown.'] : []),
    ...(thresholds.length > 0
      ? ['With several workers, each judges the thresholds of its own requests.']
      : []),
  ];
}

function programOf(source: ExportSource, thresholds: Code[], losses: readonly string[]): Code[] {
  const { label, tasks, setup, teardown, feeds, secrets, timing, verifiesTls } = source;
  const { whole } = wholeNumbers(tasks.map(({ weight }) => weight));
  return [
    ...comments('#', [`From ${label}, by metrify load export --engine locust.`]),
    ...comments(
      '#',
      losses.map((loss) => `Different: ${loss}`),
    ),
    ...locustHelpers,
    '',
    `REQUEST_TIMEOUT = ${secondsText(timing.timeoutMs)}`,
    `VERIFY = ${verifiesTls ? 'True' : 'False'}`,
    ...feeds.flatMap(({ name, order }, i): Code[] => [
      ...comments('#', [`The feed ${name}.`]),
      `feed${i} = Feed(${literal(feedFile(i))}, ${literal(order)})`,
    ]),
    'SECRETS = {',
    secrets.map(({ name, variable }) => `${literal(name)}: os.environ[${literal(variable)}],`),
    '}',
    'given = dict(SECRETS)',
    '',
    '',
    ...(setup ? taskFunction(setup, 'setup_steps') : []),
    ...(teardown ? taskFunction(teardown, 'teardown_steps') : []),
    ...tasks.flatMap((task, i) => taskFunction(task, `task${i}`)),
    ...(setup
      ? [
          '@events.test_start.add_listener',
          'def setup(environment, **_):',
          ['if not setup_steps(Sender(), given):', ['raise SystemExit("setup failed")']],
          '',
          '',
        ]
      : []),
    ...(teardown
      ? [
          '@events.test_stop.add_listener',
          'def teardown(environment, **_):',
          ['teardown_steps(Sender(), dict(given))'],
          '',
          '',
        ]
      : []),
    'class ScenarioUser(HttpUser):',
    [
      `host = ${literal(tasks[0]!.origins[0]!)}`,
      ...waitTime(source),
      '',
      ...tasks.flatMap((_, i): Code[] => [
        `@task(${whole[i]})`,
        `def run${i}(self):`,
        [`task${i}(Sender(self.client), dict(given))`],
        '',
      ]),
    ],
    '',
    ...shape(source),
    '',
    ...thresholds,
  ];
}

/** Of a rate each user has a task a second. */
function waitTime({ load, wait }: ExportSource): Code[] {
  if (load.of === 'rate') return [`wait_time = constant_throughput(${perUserOf(load)})`];
  return wait ? ['def wait_time(self):', [`return ${waitCode(wait)}`]] : ['wait_time = constant(0)'];
}

/** How many users there are over time. Below one task a second, a single user is slower. */
function shape({ load, timing }: ExportSource): Code[] {
  const { stages } = load;
  const warmup =
    timing.warmupMs > 0 ? [{ durationMs: timing.warmupMs, from: first(stages), to: first(stages) }] : [];
  const perUser = load.of === 'rate' ? perUserOf(load) : 1;
  const all = [...warmup, ...stages].map(
    ({ durationMs, from, to }) => `(${secondsText(durationMs)}, ${from / perUser}, ${to / perUser}),`,
  );
  return [
    'class Load(LoadTestShape):',
    [
      '# Seconds, and the users at the beginning and at the end.',
      'stages = [',
      all,
      ']',
      '',
      'def tick(self):',
      ['return users_at(self.stages, self.get_run_time())'],
    ],
    '',
  ];
}

/** Tasks of a user a second, so that whole users make the highest rate. */
function perUserOf({ stages }: ExportSource['load']): number {
  const most = Math.max(...stages.flatMap(({ from, to }) => [from, to]));
  return most / Math.ceil(most);
}

function first([stage]: ExportSource['load']['stages']): number {
  return stage!.from > 0 ? stage!.from : stage!.to;
}

function taskFunction(task: ExportTask, name: string): Code[] {
  return [
    ...comments('#', [task.name]),
    `def ${name}(sender, values):`,
    [
      ...task.feeds.map((feed) => `row${feed} = feed${feed}.take()`),
      ...task.steps.flatMap((step) => stepCode(task, step)),
      'return True',
    ],
    '',
    '',
  ];
}

function stepCode(task: ExportTask, step: StepPlan): Code[] {
  if ('wait' in step) return [`time.sleep(${waitCode(step.wait)})`];
  const { request, checks, captures, obeysRetryAfter } = step;
  return [
    'answer = sender.send(',
    [
      `${literal(request.name)}, ${literal(request.method)}, ${textCode(urlText(task, step))},`,
      `headers=${headersOf(step)}, body=${bodyOf(step)},`,
      `expected=${request.expected ? `[${request.expected.join(', ')}]` : 'None'}, obeys_retry_after=${obeysRetryAfter ? 'True' : 'False'},`,
    ],
    ')',
    ...captures.map(
      (capture) =>
        `answer.capture(values, ${literal(captureCheck(capture))}, ${literal(capture.name)}, ${captureCode(capture)})`,
    ),
    ...checks.map((check) => `answer.check(${literal(check.name)}, lambda: ${checkCode(check)})`),
    ...(captures.length > 0 ? ['if not answer.is_whole:', ['return False']] : []),
  ];
}

function headersOf(step: RequestPlan): string {
  const entries = headerTexts(step).map(([name, text]) => `${literal(name)}: ${textCode(text)}`);
  return `{${entries.join(', ')}}`;
}

function bodyOf({ request, template }: RequestPlan): string {
  if (template?.body) return `(${textCode(template.body)}).encode()`;
  if (!request.body) return 'None';
  const text = textIn(request.body);
  return text === undefined
    ? `base64.b64decode(${literal(Buffer.from(request.body).toString('base64'))})`
    : `${literal(text)}.encode()`;
}

function textCode(text: Text): string {
  return text
    .map((part) => (typeof part === 'string' ? literal(part) : `as_${part.into}(${valueOf(part.from)})`))
    .join(' + ');
}

function valueOf(source: Source): string {
  switch (source.kind) {
    case 'column':
      return `row${source.feed}[${source.column}]`;
    case 'captured':
      return `values[${literal(source.name)}]`;
    case 'uuid':
      return 'str(uuid.uuid4())';
    case 'now':
      return 'now()';
  }
}

function captureCode(capture: RequestPlan['captures'][number]): string {
  switch (capture.kind) {
    case 'json':
      return `answer.json_text(${pathLiteral(capture.path)})`;
    case 'header':
      return `answer.headers.get(${literal(capture.header)})`;
    case 'regex':
      return `answer.match(${literal(capture.pattern)})`;
    case 'cookie':
      return `answer.cookies.get(${literal(capture.cookie)})`;
  }
}

function checkCode(check: RequestPlan['checks'][number]): string {
  switch (check.kind) {
    case 'status':
      return `answer.status in [${check.statuses.join(', ')}]`;
    case 'body':
      return `${textCode(check.text)} in answer.text`;
    case 'header':
      return `${textCode(check.text)} in answer.headers.get(${literal(check.header)}, "")`;
    case 'json':
      return `same(answer.json_at(${pathLiteral(check.path)}), json.loads(${textCode(check.value)}))`;
    case 'latency':
      return `answer.ms < ${check.ms}`;
  }
}

/** Seconds. */
function waitCode(wait: Wait): string {
  switch (wait.kind) {
    case 'constant':
      return secondsText(wait.ms);
    case 'uniform':
      return `random.uniform(${secondsText(wait.fromMs)}, ${secondsText(wait.toMs)})`;
    case 'exponential':
      return wait.meanMs === 0 ? '0' : `random.expovariate(1 / ${secondsText(wait.meanMs)})`;
    case 'normal':
      return `max(0, random.gauss(${secondsText(wait.meanMs)}, ${secondsText(wait.deviationMs)}))`;
  }
}
