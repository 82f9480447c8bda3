import type { RequestPlan, Source, StepPlan, Text } from '../scenario/plan.js';
import { captureCheck } from '../scenario/plan.js';
import type { Wait } from '../scenario/wait.js';
import { type Code, comments, literal, printCode, secondsText, textIn } from './code.js';
import { k6FeedHelpers, k6Helpers } from './k6-helpers.js';
import { k6Options } from './k6-options.js';
import { feedFile, headerTexts, pathLiteral, urlText } from './parts.js';
import { type Exported, type ExportSource, type ExportTask, requestsIn } from './source.js';
import { testRun } from './test-run.js';

const script = 'script.js';

/** A script for k6 and, for k6-operator, a TestRun with all that it needs. */
export function exportK6(source: ExportSource): Exported {
  const { options, losses: unsaid } = k6Options(source);
  const losses = [...unsaid, ...lossesOf(source)];
  const code = printCode(programOf(source, options, losses), '  ');
  const data = new Map(source.feeds.map(({ rows }, i) => [feedFile(i), `${JSON.stringify(rows)}\n`]));
  const scriptAndData = new Map([[script, code], ...data]);
  return {
    files: new Map([...scriptAndData, ['testrun.yaml', testRun(source, script, scriptAndData)]]),
    losses,
  };
}

function lossesOf({ feeds, tasks, load }: ExportSource): string[] {
  return [
    ...(load.isPoisson ? ['k6 has no random times between arrivals: they are equal.'] : []),
    ...(feeds.some(({ order }) => order !== 'random') && tasks.length > 1
      ? ['A row is taken by the number of the iteration: those of iterations with other tasks are left out.']
      : []),
  ];
}

function programOf(source: ExportSource, options: Code[], losses: readonly string[]): Code[] {
  const { label, tasks, setup, teardown, feeds, secrets, wait, load } = source;
  return [
    ...comments('//', [`From ${label}, by metrify load export --engine k6.`]),
    ...comments(
      '//',
      losses.map((loss) => `Different: ${loss}`),
    ),
    '// @ts-check',
    "import { check, fail, sleep } from 'k6';",
    "import http from 'k6/http';",
    ...(feeds.length > 0 ? ["import { SharedArray } from 'k6/data';"] : []),
    ...(feeds.length > 0 ? ["import exec from 'k6/execution';"] : []),
    ...(hasBytes(source) ? ["import encoding from 'k6/encoding';"] : []),
    '',
    ...options,
    '',
    ...feeds.flatMap(({ name }, i): Code[] => [
      ...comments('//', [`The feed ${name}.`]),
      '/** @type {string[][]} */',
      `const feed${i} = new SharedArray('feed ${i}', () => JSON.parse(open('./${feedFile(i)}')));`,
    ]),
    ...(secrets.length === 0 ? [] : secretsOf(secrets)),
    ...k6Helpers,
    '',
    ...(feeds.length > 0 ? [...k6FeedHelpers, ''] : []),
    ...(setup
      ? [
          'export function setup() {',
          [`return setupSteps(${secrets.length > 0 ? '{ ...secrets }' : '{}'}) ?? fail('setup failed');`],
          '}',
          '',
          ...taskFunction(setup, 'setupSteps', feeds),
        ]
      : []),
    ...tasks.flatMap((task, i) => taskFunction(task, `task${i}`, feeds)),
    ...(teardown
      ? [
          ...taskFunction(teardown, 'teardownSteps', feeds),
          '/** @param {Values} given what setup captured */',
          'export function teardown(given) {',
          [`teardownSteps({ ...given${secrets.length > 0 ? ', ...secrets' : ''} });`],
          '}',
          '',
        ]
      : []),
    '/** @param {Values} given what setup captured */',
    'export default function (given) {',
    [
      `const values = { ...given${secrets.length > 0 ? ', ...secrets' : ''} };`,
      ...choice(tasks),
      ...(wait && load.of === 'users' ? [sleep(wait)] : []),
    ],
    '}',
  ];
}

function hasBytes({ tasks, setup, teardown }: ExportSource): boolean {
  const all = [...tasks, ...(setup ? [setup] : []), ...(teardown ? [teardown] : [])];
  return requestsIn(all).some(({ request: { body } }) => body && textIn(body) === undefined);
}

function secretsOf(secrets: ExportSource['secrets']): Code[] {
  return [
    '/** @type {Values} */',
    'const secrets = {};',
    `for (const [name, variable] of ${JSON.stringify(secrets.map(({ name, variable }) => [name, variable]))}) {`,
    [
      'const value = __ENV[String(variable)];',
      'if (value === undefined) throw new Error(`the variable ${variable} is not set`);',
      'secrets[String(name)] = value;',
    ],
    '}',
  ];
}

/** Which task an iteration runs, by weight. */
function choice(tasks: readonly ExportTask[]): Code[] {
  if (tasks.length === 1) return ['task0(values);'];
  let sum = 0;
  const last = tasks.length - 1;
  const sums = tasks.map(({ weight }) => (sum += weight));
  return [
    `const at = Math.random() * ${sum};`,
    ...sums.map((until, i) =>
      i === last ? `else task${i}(values);` : `${i === 0 ? '' : 'else '}if (at < ${until}) task${i}(values);`,
    ),
  ];
}

function taskFunction(task: ExportTask, name: string, feeds: ExportSource['feeds']): Code[] {
  return [
    ...comments('//', [task.name]),
    '/** @param {Values} values @returns {Values | undefined} nothing when it ended early */',
    `function ${name}(values) {`,
    [
      ...task.feeds.map((feed) => `const row${feed} = feed${feed}[${rowNumber(feed, feeds)}];`),
      ...task.steps.flatMap((step) => stepCode(task, step)),
      'return values;',
    ],
    '}',
    '',
  ];
}

function rowNumber(feed: number, feeds: ExportSource['feeds']): string {
  return feeds[feed]!.order === 'random'
    ? `Math.floor(Math.random() * feed${feed}.length)`
    : `rowOf(feed${feed}.length, ${feeds[feed]!.order === 'once'})`;
}

function stepCode(task: ExportTask, step: StepPlan): Code[] {
  if ('wait' in step) return [sleep(step.wait)];
  const { request, checks, captures, obeysRetryAfter } = step;
  const names = [...captures.map(captureCheck), ...checks.map(({ name }) => name)];
  return [
    '{',
    [
      `const response = send(${literal(request.method)}, ${textCode(urlText(task, step))}, ${bodyOf(step)}, {`,
      [
        `headers: ${headersOf(step)},`,
        `tags: { ${Object.entries({ ...request.tags, name: request.name })
          .map(([key, value]) => `${literal(key)}: ${literal(value)}`)
          .join(', ')} },`,
        ...(request.expected
          ? [`responseCallback: http.expectedStatuses(${request.expected.join(', ')}),`]
          : []),
      ],
      `}, ${obeysRetryAfter});`,
      ...(captures.length > 0
        ? [
            '/** @type {Values} */',
            'const captured = {};',
            ...captures.map(
              (capture) => `take(captured, ${literal(capture.name)}, ${captureCode(capture)});`,
            ),
            `const isWhole = Object.keys(captured).length === ${new Set(captures.map(({ name }) => name)).size};`,
            'Object.assign(values, captured);',
          ]
        : []),
      ...(names.length > 0
        ? [
            'check(response, {',
            [
              ...captures.map(
                (capture) =>
                  `${literal(captureCheck(capture))}: () => Object.hasOwn(captured, ${literal(capture.name)}),`,
              ),
              ...checks.map(
                (check) =>
                  `${literal(check.name)}: () => ${captures.length > 0 ? 'isWhole && ' : ''}${checkCode(check)},`,
              ),
            ],
            `}, { name: ${literal(request.name)} });`,
          ]
        : []),
      ...(captures.length > 0 ? ['if (!isWhole) return undefined;'] : []),
    ],
    '}',
  ];
}

function headersOf(step: RequestPlan): string {
  const entries = headerTexts(step).map(([name, text]) => `${literal(name)}: ${textCode(text)}`);
  return `{ ${entries.join(', ')} }`;
}

function bodyOf({ request, template }: RequestPlan): string {
  if (template?.body) return textCode(template.body);
  if (!request.body) return 'null';
  const text = textIn(request.body);
  return text === undefined
    ? `encoding.b64decode(${literal(Buffer.from(request.body).toString('base64'))}, 'std')`
    : literal(text);
}

function textCode(text: Text): string {
  const parts = text.map((part) =>
    typeof part === 'string' ? literal(part) : `${part.into}(${valueOf(part.from)})`,
  );
  // So that it is a text whatever its first part is.
  return parts.length === 1 ? parts[0]! : parts.join(' + ');
}

function valueOf(source: Source): string {
  switch (source.kind) {
    case 'column':
      return `row${source.feed}[${source.column}]`;
    case 'captured':
      return `values[${literal(source.name)}]`;
    case 'uuid':
      return 'uuid()';
    case 'now':
      return 'new Date().toISOString()';
  }
}

function captureCode(capture: RequestPlan['captures'][number]): string {
  switch (capture.kind) {
    case 'json':
      return `jsonText(response, ${pathLiteral(capture.path)})`;
    case 'header':
      return `headerOf(response, ${literal(capture.header)})`;
    case 'regex':
      return `matchIn(response, ${literal(capture.pattern)})`;
    case 'cookie':
      return `cookieOf(response, ${literal(capture.cookie)})`;
  }
}

function checkCode(check: RequestPlan['checks'][number]): string {
  switch (check.kind) {
    case 'status':
      return `[${check.statuses.join(', ')}].includes(response.status)`;
    case 'body':
      return `textOf(response).includes(${textCode(check.text)})`;
    case 'header':
      return `(headerOf(response, ${literal(check.header)}) ?? '').includes(${textCode(check.text)})`;
    case 'json':
      return `same(jsonAt(response, ${pathLiteral(check.path)}), JSON.parse(${textCode(check.value)}))`;
    case 'latency':
      return `response.timings.duration < ${check.ms}`;
  }
}

function sleep(wait: Wait): string {
  switch (wait.kind) {
    case 'constant':
      return `sleep(${secondsText(wait.ms)});`;
    case 'uniform':
      return `sleep(${secondsText(wait.fromMs)} + Math.random() * ${secondsText(wait.toMs - wait.fromMs)});`;
    case 'exponential':
      return `sleep(-Math.log(1 - Math.random()) * ${secondsText(wait.meanMs)});`;
    case 'normal':
      return `sleep(Math.max(0, ${secondsText(wait.meanMs)} + normal() * ${secondsText(wait.deviationMs)}));`;
  }
}
