import type { PreparedRequest } from '../job.js';
import type { Feed } from './feed.js';
import type { Wait } from './wait.js';

/** A scenario ready to be carried out: plain data, for all threads. Variables that never change are filled in. */
export interface ScenarioPlan {
  readonly tasks: readonly TaskPlan[];
  readonly feeds: readonly Feed[];
  /** Between the tasks of a user of a closed loop. */
  readonly wait?: Wait;
}

export interface TaskPlan {
  readonly name: string;
  readonly weight: number;
  /** Indexes of the feeds from which an iteration takes a row each. */
  readonly feeds: readonly number[];
  readonly steps: readonly StepPlan[];
}

export type StepPlan = { readonly wait: Wait } | RequestPlan;

export interface RequestPlan {
  /** As it is sent, but for what `template` fills. */
  readonly request: PreparedRequest;
  /** Undefined of a request that is always the same. */
  readonly template?: RequestTemplate;
  readonly checks: readonly CheckPlan[];
  readonly captures: readonly CapturePlan[];
  /** After 429 or 503 with Retry-After, waits as long and sends it again. */
  readonly obeysRetryAfter: boolean;
}

export interface RequestTemplate {
  readonly path: Text;
  /** Beyond those of `request`, which are always the same. */
  readonly headers: readonly (readonly [name: string, value: Text])[];
  /** Undefined: the body is that of `request`. */
  readonly body?: Text;
}

/** A text whose parts are put together. */
export type Text = readonly (string | Fill)[];

/** What a value is put into, and so how it is escaped. */
export type Place = 'segment' | 'query' | 'form' | 'json' | 'header' | 'plain';

export interface Fill {
  readonly from: Source;
  readonly into: Place;
}

export type Source =
  | { readonly kind: 'column'; readonly feed: number; readonly column: number }
  | { readonly kind: 'captured'; readonly name: string }
  | { readonly kind: 'uuid' }
  | { readonly kind: 'now' };

/** @see ScenarioExpectation. `name` is how it is counted. */
export type CheckPlan = { readonly name: string } & (
  | { readonly kind: 'status'; readonly statuses: readonly number[] }
  | { readonly kind: 'body'; readonly text: Text }
  | { readonly kind: 'header'; readonly header: string; readonly text: Text }
  /** `value` is JSON. */
  | { readonly kind: 'json'; readonly path: readonly (string | number)[]; readonly value: Text }
  | { readonly kind: 'latency'; readonly ms: number }
);

/** `name` is that of the placeholder. */
export type CapturePlan = { readonly name: string } & (
  | { readonly kind: 'json'; readonly path: readonly (string | number)[] }
  | { readonly kind: 'header'; readonly header: string }
  | { readonly kind: 'regex'; readonly pattern: string }
  | { readonly kind: 'cookie'; readonly cookie: string }
);

/** What a capture is counted as: a failed one is a failed check, and ends the iteration. */
export function captureCheck({ name }: CapturePlan): string {
  return `captured ${name}`;
}

/** The names of all checks that tasks may make, captures with them. */
export function checksIn(tasks: readonly TaskPlan[]): string[] {
  const requests = tasks.flatMap(({ steps }) => steps).filter((step) => 'request' in step);
  return [
    ...new Set(
      requests.flatMap(({ captures, checks }) => [
        ...captures.map(captureCheck),
        ...checks.map(({ name }) => name),
      ]),
    ),
  ];
}
