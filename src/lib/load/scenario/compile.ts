import { UserError } from '../../core/errors.js';
import { formatDuration } from '../../core/units.js';
import type { PreparedRequest, Target } from '../job.js';
import { prepare, targetOf } from '../request.js';
import type { Feed } from './feed.js';
import { parseJsonPath } from './json-path.js';
import { splitFill } from './placeholders.js';
import type {
  CapturePlan,
  CheckPlan,
  RequestPlan,
  RequestTemplate,
  StepPlan,
  TaskPlan,
  Text,
} from './plan.js';
import {
  nameOf,
  requestIn,
  type Scenario,
  type ScenarioCapture,
  type ScenarioExpectation,
  type ScenarioStep,
} from './schema.js';
import { type Tags, tagsOf } from './tags.js';
import { constantIn, formText, isFilled, jsonText, type Scope, textOf } from './text.js';

export interface CompileOptions {
  /** By their names. */
  readonly feeds: ReadonlyMap<string, Feed>;
  /** What setup captured. */
  readonly captured: Readonly<Record<string, string>>;
  /** The bytes of each `bodyFile`. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Names whose values are known only to whoever carries the plan out. */
  readonly given?: readonly string[];
}

/**
 * Makes plans of a scenario's steps. All requests that it has prepared go to one of its `targets`: those that the scenario
 * names, and no others.
 */
export class Compiler {
  readonly targets: Target[] = [];
  readonly #scenario: Scenario;
  readonly #options: CompileOptions;
  readonly #feeds: readonly Feed[];
  readonly #constants: ReadonlyMap<string, string>;

  constructor(scenario: Scenario, options: CompileOptions) {
    this.#scenario = scenario;
    this.#options = options;
    this.#feeds = [...options.feeds.values()];
    this.#constants = new Map(Object.entries({ ...scenario.variables, ...options.captured }));
    this.#targetFor('/');
  }

  tasks(): TaskPlan[] {
    return this.#scenario.tasks.map((task) => this.#task(task.name, task.weight ?? 1, task.steps, task.tags));
  }

  /** Steps that are run once: setup or teardown. */
  once(name: string, steps: readonly ScenarioStep[]): TaskPlan {
    return this.#task(name, 1, steps);
  }

  #task(name: string, weight: number, steps: readonly ScenarioStep[], tags?: Tags): TaskPlan {
    const feeds = new Set<number>();
    const captured = new Set<string>(this.#options.given);
    const plans = steps.map((step): StepPlan => {
      const scope: Scope = {
        constants: this.#constants,
        captured: new Set(captured),
        columnOf: (fill) => this.#columnOf(fill, feeds),
      };
      for (const each of Object.keys(step.capture ?? {})) captured.add(each);
      return step.wait === undefined
        ? this.#request(step, scope, { ...scope, captured }, tagsOf(this.#scenario, { tags }, step))
        : { wait: step.wait };
    });
    return { name, weight, feeds: [...feeds], steps: plans };
  }

  #columnOf(fill: string, used: Set<number>) {
    const [name, column] = splitFill(fill);
    const feed = this.#feeds.findIndex((each) => each.name === name);
    if (feed < 0 || column === undefined) return undefined;
    used.add(feed);
    return { kind: 'column', feed, column: this.#feeds[feed]!.columns.indexOf(column) } as const;
  }

  /** @param after what an answer is compared with: also what was captured from it */
  #request(step: ScenarioStep, scope: Scope, after: Scope, tags: Tags): RequestPlan {
    const { method, path } = requestIn(step)!;
    const { target, host, below } = this.#targetFor(path);
    const pathText = textOf(below, scope, 'path');
    const headers = this.#headersOf(step, scope);
    const body = this.#bodyOf(step, scope, headers);
    const constantPath = constantIn(pathText);
    const constantBody = constantBytes(body);
    const constantHeaders = headers.flatMap(([name, text]): [string, string][] => {
      const value = constantIn(text);
      return value === undefined ? [] : [[name, value]];
    });
    const prepared = prepare(nameOf(step)!, constantPath ?? '', host, {
      method,
      headers: constantHeaders,
      ...(constantBody && { body: constantBody }),
    });
    const isSame =
      constantPath !== undefined &&
      constantHeaders.length === headers.length &&
      (body === undefined || constantBody !== undefined);
    const checks = checksOf(step.expect ?? {}, after);
    const captures = Object.entries(step.capture ?? {}).map(([name, from]) => captureOf(name, from));
    const readsBody = [...checks, ...captures].some(({ kind }) => ['body', 'json', 'regex'].includes(kind));
    const filledBody = constantBody === undefined && body !== undefined;
    const given = new Set(headers.map(([name]) => name.toLowerCase()));
    const request: PreparedRequest = {
      ...(Object.keys(tags).length > 0 && { tags }),
      ...prepared,
      target,
      readsBody,
      headers: prepared.headers.filter(([name]) => {
        const key = name.toLowerCase();
        // Of a body that is filled in, the length is known when it is sent.
        if (filledBody && key === 'content-length') return false;
        return constantHeaders.some(([each]) => each.toLowerCase() === key) || !given.has(key);
      }),
      ...(step.expect?.status && { expected: step.expect.status }),
    };
    const template: RequestTemplate | undefined = isSame
      ? undefined
      : {
          path: pathText,
          headers: headers.filter(([, text]) => constantIn(text) === undefined),
          ...(filledBody && { body: body as Text }),
        };
    return {
      request,
      ...(template && { template }),
      checks,
      captures,
      obeysRetryAfter: step.onRetryAfter === 'obey',
    };
  }

  /** A step's own headers win. Common ones that need what is not captured yet are left out. */
  #headersOf({ headers: own = {}, json, form }: ScenarioStep, scope: Scope): [string, Text][] {
    const common = Object.entries(this.#scenario.headers ?? {});
    const names = new Set(Object.keys(own).map((name) => name.toLowerCase()));
    const all = [...common.filter(([name]) => !names.has(name.toLowerCase())), ...Object.entries(own)];
    const texts = all.flatMap(([name, value]): [string, Text][] =>
      isFilled(value, scope) ? [[name, textOf(value, scope, 'header')]] : [],
    );
    const type =
      json !== undefined ? 'application/json' : form ? 'application/x-www-form-urlencoded' : undefined;
    const isGiven = texts.some(([name]) => name.toLowerCase() === 'content-type');
    return type === undefined || isGiven ? texts : [...texts, ['Content-Type', [type]]];
  }

  #bodyOf(
    { json, body, bodyFile, form }: ScenarioStep,
    scope: Scope,
    headers: readonly [string, Text][],
  ): Text | Uint8Array | undefined {
    if (json !== undefined) return jsonText(json, scope);
    if (bodyFile !== undefined) return this.#options.files.get(bodyFile)!;
    if (form !== undefined) return formText(form, scope);
    if (body === undefined) return undefined;
    const type = headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1].join('') ?? '';
    return textOf(body, scope, /json/i.test(type) ? 'json' : /urlencoded/i.test(type) ? 'form' : 'plain');
  }

  /** The index of the target, which is one more where the path names a host of its own. */
  #targetFor(path: string): { readonly target: number; readonly host: string; readonly below: string } {
    const isOwn = !path.startsWith('/');
    const [origin = '', below = ''] = isOwn
      ? [/^[^/]*\/\/[^/?#]*/.exec(path)![0], path.replace(/^[^/]*\/\/[^/?#]*/, '')]
      : [this.#scenario.target, path];
    const { target: found, path: base, host } = targetOf(origin);
    const verify = this.#scenario.tlsVerify ?? true;
    const target = found.tls ? { ...found, tls: { ...found.tls, verify } } : found;
    const same = this.targets.findIndex((each) => JSON.stringify(each) === JSON.stringify(target));
    const index = same >= 0 ? same : this.targets.push(target) - 1;
    const prefix = base.replace(/\/$/, '');
    return { target: index, host, below: prefix + (below.startsWith('/') ? below : `/${below}`) };
  }
}

function constantBytes(body: Text | Uint8Array | undefined): Uint8Array | undefined {
  if (body === undefined || body instanceof Uint8Array) return body;
  const text = constantIn(body);
  return text === undefined ? undefined : Buffer.from(text);
}

function checksOf(
  { status, bodyContains, json = {}, header = {}, latency }: ScenarioExpectation,
  scope: Scope,
): CheckPlan[] {
  return [
    ...(status
      ? [{ kind: 'status', name: `status is ${status.join(' or ')}`, statuses: status } as const]
      : []),
    ...(bodyContains === undefined
      ? []
      : [
          {
            kind: 'body',
            name: `body contains '${bodyContains}'`,
            text: textOf(bodyContains, scope, 'plain'),
          } as const,
        ]),
    ...Object.entries(json).map(
      ([path, value]) =>
        ({
          kind: 'json',
          name: `${path} is ${JSON.stringify(value)}`,
          path: parseJsonPath(path),
          value: jsonText(value, scope),
        }) as const,
    ),
    ...Object.entries(header).map(
      ([name, text]) =>
        ({
          kind: 'header',
          name: `${name} contains '${text}'`,
          header: name.toLowerCase(),
          text: textOf(text, scope, 'plain'),
        }) as const,
    ),
    ...(latency === undefined
      ? []
      : [{ kind: 'latency', name: `latency <${formatDuration(latency)}`, ms: latency } as const]),
  ];
}

function captureOf(name: string, { json, header, regex, cookie }: ScenarioCapture): CapturePlan {
  if (json !== undefined) return { name, kind: 'json', path: parseJsonPath(json) };
  if (header !== undefined) return { name, kind: 'header', header: header.toLowerCase() };
  if (regex !== undefined) return { name, kind: 'regex', pattern: regex };
  if (cookie !== undefined) return { name, kind: 'cookie', cookie };
  throw new UserError(`the capture '${name}' says nothing`);
}
