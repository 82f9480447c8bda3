import * as z from 'zod/mini';

import {
  choice,
  duration as durationSetting,
  referenceJson,
  setting,
  type SettingType,
  text,
  whole,
  yesNo,
} from '../../core/schema/setting.js';
import { plainText } from '../../core/schema/values.js';
import { isSecretName } from '../../core/secrets/named-values.js';
import { targetOf } from '../request.js';
import { parseThreshold } from '../threshold.js';
import { placeholdersIn } from './template.js';
import {
  readAmount,
  readHeaderName,
  readHeaderValue,
  readJsonPath,
  readLatency,
  readName,
  readPath,
  readRegex,
  readStatuses,
  readTag,
} from './values.js';
import { readWait, type Wait } from './wait.js';

/** What holds where the file says nothing. */
export const defaults = {
  duration: '10s',
  drain: '5s',
  connections: 1000,
  requestTimeout: '30s',
  weight: 1,
} as const;

const duration = (help: string, standard?: string) =>
  z.optional(durationSetting({ help, ...(standard === undefined ? {} : { default: standard }) }));

/** `Bearer {token}` gives no secret away. */
const secretByName = (name: string, value: unknown) =>
  isSecretName(name) && !(typeof value === 'string' && placeholdersIn(value).length > 0) ? 'text' : 'url';

/** A mapping whose keys are names that a person gave. */
function named<T extends z.ZodMiniType>(values: T, readKey: (name: string) => unknown) {
  return z.record(z.string(), values).check(({ value, issues }) => {
    for (const name of Object.keys(value))
      try {
        readKey(name);
      } catch (error) {
        issues.push({ code: 'custom', message: (error as Error).message, path: [name], input: value });
      }
  });
}

/** What may be secret is text, or a reference. */
const mayBeSecret = { secret: secretByName, json: { anyOf: [{ type: 'string' }, referenceJson] } };

const headers = named(text({ help: "a header's value", ...mayBeSecret }, readHeaderValue), readHeaderName);

const waitJson = {
  anyOf: [
    {
      type: 'string',
      pattern: '^[0-9.]+ *(ms|s|m|h)( *\\.\\. *[0-9.]+ *(ms|s|m|h))?$',
      examples: ['1s..3s'],
    },
    {
      type: 'object',
      properties: Object.fromEntries(
        ['constant', 'exponential', 'normal', 'deviation'].map((key) => [key, { type: 'string' }]),
      ),
      additionalProperties: false,
    },
  ],
};
const wait = (help: string): SettingType<Wait> => setting(readWait, { help, unit: true, json: waitJson });

const amount = (help: string, least: 'zero' | 'more') =>
  setting((value) => readAmount(value, least), {
    help,
    json: least === 'zero' ? { type: 'number', minimum: 0 } : { type: 'number', exclusiveMinimum: 0 },
  });

const load = z.strictObject({
  rate: z.optional(amount('requests of an open loop: tasks that begin in a second', 'more')),
  users: z.optional(whole({ help: 'users of a closed loop, each with one task after the other' }, 1)),
  stages: z.optional(
    z
      .array(
        z.strictObject({
          duration: durationSetting({ help: 'how long the stage lasts' }),
          rate: z.optional(amount('the rate at its end', 'zero')),
          users: z.optional(amount('the users at its end', 'zero')),
          from: z.optional(
            amount(
              'rate or users at its beginning; where nothing is said, those of the stage before',
              'zero',
            ),
          ),
        }),
      )
      .check(z.minLength(1)),
  ),
  arrivals: z.optional(
    choice(['constant', 'poisson'], {
      help: 'the times between tasks of an open loop: equal, or as those of independent users',
      default: 'constant',
    }),
  ),
});

const expectation = z.strictObject({
  status: z.optional(
    setting(readStatuses, {
      help: 'the statuses that are expected; where nothing is said, all below 400',
      json: {
        anyOf: [{ type: 'integer' }, { type: 'array', items: { type: 'integer' }, minItems: 1 }],
      },
    }),
  ),
  bodyContains: z.optional(text({ help: 'text that the body must contain' })),
  json: z.optional(named(z.unknown(), readJsonPath)),
  header: z.optional(named(text({ help: "text that the answer's header must contain" }), readHeaderName)),
  latency: z.optional(text({ help: 'how long the answer may take: <200ms', unit: true }, readLatency)),
});

const capture = z.strictObject({
  json: z.optional(text({ help: 'the value at a JSON path of the body: $.items[0].id' }, readJsonPath)),
  header: z.optional(text({ help: 'the value of a header' }, (name) => readHeaderName(name) && name)),
  regex: z.optional(
    text({ help: 'what the first group of a regular expression matches in the body' }, readRegex),
  ),
  cookie: z.optional(text({ help: 'the value of a cookie that the answer sets' })),
});

const path = (method: string) => z.optional(text({ help: `the path of a ${method} request` }, readPath));

const tags = (of: string) => z.optional(named(text({ help: `a tag of ${of}, for thresholds` }), readTag));

/** A request, or a pause. */
const step = z.strictObject({
  get: path('GET'),
  post: path('POST'),
  put: path('PUT'),
  patch: path('PATCH'),
  delete: path('DELETE'),
  head: path('HEAD'),
  name: z.optional(
    text({
      help: 'under which it is counted; where nothing is said, the method and the path with its placeholders',
    }),
  ),
  tags: tags('its requests'),
  headers: z.optional(headers),
  json: z.optional(z.unknown()),
  body: z.optional(text({ help: 'the body as text' })),
  bodyFile: z.optional(text({ help: 'a file whose bytes are the body', path: true })),
  form: z.optional(
    named(
      text({ help: "a form's field", ...mayBeSecret }, (value) => value),
      plainText,
    ),
  ),
  expect: z.optional(expectation),
  capture: z.optional(named(capture, readName)),
  onRetryAfter: z.optional(
    choice(['obey'], { help: 'after 429 or 503 with Retry-After: wait as long, and send it again' }),
  ),
  wait: z.optional(wait('a pause')),
});

const steps = z.array(step).check(z.minLength(1));

/** A scenario as a file has it. */
export const scenarioSchema = z.strictObject({
  target: text(
    { help: 'the URL of the service; paths are below it', ...mayBeSecret, secret: 'url' },
    (url) => {
      targetOf(url);
      return url;
    },
  ),
  tlsVerify: z.optional(yesNo({ help: "whether the server's certificate must be valid", default: 'true' })),
  headers: z.optional(headers),
  variables: z.optional(
    named(
      text({ help: 'a value for placeholders', ...mayBeSecret }, (value) => value),
      readName,
    ),
  ),
  load: z.optional(load),
  duration: duration('how long requests are due', defaults.duration),
  warmup: duration('how long requests are sent before, outside of the statistics'),
  drain: duration('how long requests under way at the end are waited for', defaults.drain),
  connections: z.optional(
    whole({ help: 'maximum open connections', default: String(defaults.connections) }, 1),
  ),
  requestTimeout: duration('a request without a whole answer fails after this', defaults.requestTimeout),
  wait: z.optional(wait('how long a user of a closed loop waits between tasks')),
  feeds: z.optional(
    named(
      z.strictObject({
        file: text({ help: 'a CSV file with a header', path: true }),
        order: z.optional(
          choice(['sequential', 'random', 'once'], {
            help: 'row after row and from the beginning again, at random, or each row once',
            default: 'sequential',
          }),
        ),
      }),
      readName,
    ),
  ),
  setup: z.optional(steps),
  tasks: z
    .array(
      z.strictObject({
        name: text({ help: 'its name' }),
        weight: z.optional(
          setting((value) => readAmount(value, 'zero'), {
            help: 'how often it is chosen, compared with the others',
            default: String(defaults.weight),
            json: { type: 'number', minimum: 0 },
          }),
        ),
        tags: tags("the task's requests"),
        steps,
      }),
    )
    .check(z.minLength(1)),
  teardown: z.optional(steps),
  thresholds: z.optional(
    z
      .array(
        text({ help: 'what must hold: p95<200ms' }, (expression) => {
          parseThreshold(expression);
          return expression;
        }),
      )
      .check(z.minLength(1)),
  ),
  tags: tags('all requests'),
});

/**
 * A scenario as its schema reads it: durations in milliseconds, waits as distributions, statuses as lists; references to secrets
 * looked up, nothing added. Texts keep their placeholders (`parseTemplate`).
 */
export type Scenario = z.infer<typeof scenarioSchema>;
export type ScenarioTask = Scenario['tasks'][number];
/** A request (one of `get`, `post`, …) or a pause (`wait`). */
export type ScenarioStep = ScenarioTask['steps'][number];
export type ScenarioExpectation = z.infer<typeof expectation>;
export type ScenarioCapture = z.infer<typeof capture>;
export type ScenarioLoad = z.infer<typeof load>;

export const methods = ['get', 'post', 'put', 'patch', 'delete', 'head'] as const;

/** The method and the path of a step; undefined for a pause. */
export function requestIn(
  step: ScenarioStep,
): { readonly method: string; readonly path: string } | undefined {
  for (const method of methods) {
    const path = step[method];
    if (path !== undefined) return { method: method.toUpperCase(), path };
  }
  return undefined;
}

/** Under which a request is counted: its template, without the query, never what was filled in. */
export function nameOf(step: ScenarioStep): string | undefined {
  const request = requestIn(step);
  return request && (step.name ?? `${request.method} ${request.path.replace(/\?.*/s, '')}`);
}
