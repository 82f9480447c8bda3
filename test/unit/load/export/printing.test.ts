import { execFileSync } from 'node:child_process';
import vm from 'node:vm';

import { transformSync } from 'esbuild';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { literal } from '../../../../src/lib/load/export/code.js';
import { exportK6 } from '../../../../src/lib/load/export/k6.js';
import { exportLocust } from '../../../../src/lib/load/export/locust.js';
import { type Exported, exportSource, type ExportSource } from '../../../../src/lib/load/export/source.js';
import { exportVegeta } from '../../../../src/lib/load/export/vegeta.js';
import { read } from '../../../../src/lib/core/schema/findings.js';
import { type Scenario, scenarioSchema } from '../../../../src/lib/load/scenario/schema.js';
import { needs } from '../../../servers/needs.js';
import { scaled } from '../../../scale.js';

const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(
      fc.constantFrom(
        ...[
          '"',
          "'",
          '`',
          '\\',
          '\n',
          '\r',
          '\0',
          '\u2028',
          '\u2029',
          '\u0085',
          '\ufeff',
          '${',
          '*/',
          '//',
          '#',
        ],
        ...[
          "'''",
          '"""',
          '</script>',
          '{',
          '}',
          '%',
          '$(id)',
          '`id`',
          'é',
          '😀',
          '\ud800',
          '\\u0022',
          '\\N{DEL}',
        ],
      ),
      { maxLength: 12 },
    )
    .map((parts) => parts.join('')),
);
/** Without halves of surrogate pairs, which no wire carries. */
const sent = (text: string) => Buffer.from(text).toString();

function python(program: string, input: string): string {
  const options = { input, encoding: 'utf8', maxBuffer: 2 ** 28 } as const;
  return execFileSync('python3', ['-c', program], options);
}

it('a literal is the text, in JavaScript', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      expect(vm.runInNewContext(literal(text))).toBe(sent(text));
      expect(literal(text)).not.toMatch(/[\n\r\u2028\u2029]/);
    }),
    { numRuns: scaled(500) },
  );
});

needs('python3')('in Python', () => {
  it('a literal is the text', () => {
    const texts = fc.sample(hostile, scaled(500));
    const program =
      'import ast, json, sys; print(json.dumps([ast.literal_eval(line) for line in json.load(sys.stdin)]))';
    const answer = python(program, JSON.stringify(texts.map(literal)));
    expect(JSON.parse(answer)).toEqual(texts.map(sent));
  });

  it('a program is one, and sends the texts, whatever a scenario says', () => {
    const sources = fc.sample(scenario, scaled(40)).map(sourceOf);
    const programs = sources.map((source) => exportLocust(source).files.get('locustfile.py')!);
    const strings =
      'import ast, json, sys; print(json.dumps([[n.value for n in ast.walk(ast.parse(p)) if isinstance(n, ast.Constant) and isinstance(n.value, str)] for p in json.load(sys.stdin)]))';
    const found = JSON.parse(python(strings, JSON.stringify(programs))) as string[][];
    sources.forEach((source, i) => {
      for (const text of textsOf(source)) expect(found[i]).toContain(text);
    });
  });
});

/** Without what could be a placeholder. */
const name = hostile.filter((text) => text.trim() !== '' && !/\{[A-Za-z_]/.test(text));

/** A scenario whose texts are hostile wherever a person may write any. */
const scenario = fc
  .record({ task: name, body: name, check: name, value: name, named: name, label: hostile })
  .map(({ task, body, check, value, named, label }) => ({
    label,
    data: {
      target: 'http://127.0.0.1:1',
      load: { rate: 5 },
      variables: { value },
      tasks: [
        {
          name: task,
          steps: [
            {
              get: '/a/{value}?q={value}',
              name: named,
              expect: { bodyContains: check, json: { "$['x']": value } },
            },
            { post: '/b', body, headers: { 'X-Value': 'a{value}"\\' } },
            { put: '/c', json: { [check]: [value, body] }, form: undefined },
          ],
        },
      ],
    },
  }));

function sourceOf({ label, data }: { label: string; data: unknown }): ExportSource {
  const { value, findings } = read<Scenario>(scenarioSchema, JSON.parse(JSON.stringify(data)));
  expect(findings).toEqual([]);
  return exportSource(value!, {
    label,
    secrets: [],
    feeds: new Map(),
    files: new Map(),
    load: {
      of: 'rate',
      stages: [{ durationMs: 1000, from: 5, to: 5 }],
      isPoisson: false,
      maxConnections: 10,
    },
    timing: { warmupMs: 0, drainMs: 1000, timeoutMs: 1000 },
  });
}

/** What has to stand in a program as it is: names and bodies. */
function textsOf({ tasks }: ExportSource): string[] {
  return tasks[0]!.steps.flatMap((step) => {
    if ('wait' in step) return [];
    const { request, checks } = step;
    const body = request.body && request.body.length > 0 ? [Buffer.from(request.body).toString()] : [];
    return [sent(request.name), ...body, ...checks.map((check) => sent(check.name))];
  });
}

it('a script is a program of JavaScript, and sends the texts, whatever a scenario says', () => {
  fc.assert(
    fc.property(scenario, (one) => {
      const source = sourceOf(one);
      const script = exportK6(source).files.get('script.js')!;
      transformSync(script, { format: 'esm' });
      for (const text of textsOf(source)) expect(script).toContain(literal(text));
    }),
    { numRuns: scaled(40) },
  );
});

it('targets of vegeta are the requests, whatever a scenario says', () => {
  fc.assert(
    fc.property(scenario, (one) => {
      const source = sourceOf(one);
      const { files }: Exported = exportVegeta(source);
      const [, second] = files.get('targets.json')!.split('\n');
      const { body = '' } = JSON.parse(second!) as { body?: string };
      expect(Buffer.from(body, 'base64').toString()).toBe(bodyOf(source));
      const commands = files
        .get('attack.sh')!
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'));
      expect(commands).toHaveLength(4);
    }),
    { numRuns: scaled(20) },
  );
});

function bodyOf({ tasks }: ExportSource): string {
  const step = tasks[0]!.steps[1]!;
  return 'request' in step && step.request.body ? Buffer.from(step.request.body).toString() : '';
}
