import type { Finding } from '../../core/schema/findings.js';
import type { Description } from '../../core/schema/section.js';
import type { Path } from '../../core/schema/walk.js';
import { unfilled } from './placeholders.js';
import {
  methods,
  type Scenario,
  type ScenarioCapture,
  type ScenarioLoad,
  scenarioSchema,
  type ScenarioStep,
} from './schema.js';
import { tagProblems } from './tags.js';

/** What the schema cannot see: values that contradict each other, and placeholders that nothing fills. */
export function contradictions(scenario: Scenario): Finding[] {
  const { load, tasks, setup = [], teardown = [] } = scenario;
  const findings = [
    ...(load ? loadProblems(load, scenario) : []),
    ...namesTwice(tasks),
    ...setup.flatMap((step, i) => stepProblems(step, ['setup', i])),
    ...tasks.flatMap(({ steps }, i) =>
      steps.flatMap((step, j) => stepProblems(step, ['tasks', i, 'steps', j])),
    ),
    ...teardown.flatMap((step, i) => stepProblems(step, ['teardown', i])),
    ...tagProblems(scenario),
    ...unfilled(scenario),
  ];
  if (tasks.every(({ weight }) => weight === 0))
    findings.push({ path: ['tasks'], message: 'every task has the weight 0: nothing would be sent' });
  for (const [i, { steps }] of tasks.entries())
    if (steps.every(({ wait }) => wait !== undefined))
      findings.push({ path: ['tasks', i, 'steps'], message: 'has no request: it only waits' });
  return findings;
}

/** What a scenario's file is. */
export const scenarioDescription: Description<Scenario> = {
  what: 'a scenario',
  code: 'SCENARIO',
  example: 'target, load, tasks, …',
  hint: '`metrify load init` writes one. A URL begins with http:// or https://.',
  schema: scenarioSchema,
  contradictions,
};

function loadProblems(load: ScenarioLoad, { duration, wait }: Scenario): Finding[] {
  const { rate, users, stages, arrivals } = load;
  const findings: Finding[] = [];
  const given = Object.entries({ rate, users, stages }).flatMap(([key, value]) =>
    value === undefined ? [] : [key],
  );
  if (given.length === 0) findings.push({ path: ['load'], message: 'says no rate, no users and no stages' });
  for (const key of given.slice(1))
    findings.push({ path: ['load', key], message: `contradicts ${given[0]}: leave one out`, ofKey: true });
  if (stages !== undefined && duration !== undefined)
    findings.push({ path: ['duration'], message: 'contradicts the stages, which say how long the run is' });
  for (const [i, stage] of (stages ?? []).entries()) {
    if ((stage.rate === undefined) === (stage.users === undefined))
      findings.push({ path: ['load', 'stages', i], message: 'needs either rate or users' });
    else if ((stage.rate === undefined) !== (stages![0]!.rate === undefined))
      findings.push({ path: ['load', 'stages', i], message: 'all stages have a rate, or all have users' });
  }
  if (stages?.every((stage) => !stage.rate && !stage.users && !stage.from))
    findings.push({ path: ['load', 'stages'], message: 'never leave zero: nothing would be sent' });
  const isClosed = users !== undefined || stages?.[0]?.users !== undefined;
  if (arrivals !== undefined && isClosed)
    findings.push({
      path: ['load', 'arrivals'],
      message: 'is about a rate: users begin when they have ended',
    });
  if (wait !== undefined && given.length > 0 && !isClosed)
    findings.push({ path: ['wait'], message: 'is between the tasks of users: a rate has none' });
  return findings;
}

function namesTwice(tasks: Scenario['tasks']): Finding[] {
  const seen = new Set<string>();
  return tasks.flatMap(({ name }, i) => {
    if (seen.has(name)) return [{ path: ['tasks', i, 'name'], message: `there are two tasks '${name}'` }];
    seen.add(name);
    return [];
  });
}

const bodies = ['json', 'body', 'bodyFile', 'form'] as const;

function stepProblems(step: ScenarioStep, path: Path): Finding[] {
  const given = [...methods, 'wait' as const].filter((key) => step[key] !== undefined);
  const [first, second] = given;
  if (first === undefined)
    return [{ path, message: `says neither a request (${methods.join(', ')}) nor wait` }];
  if (second !== undefined)
    return [{ path: [...path, second], message: `contradicts ${first}: each has its own step`, ofKey: true }];
  if (first === 'wait')
    return Object.keys(step)
      .filter((key) => key !== 'wait')
      .map((key) => ({ path: [...path, key], message: 'means nothing in a pause', ofKey: true }));
  const findings: Finding[] = [];
  const [body, ...others] = bodies.filter((key) => step[key] !== undefined);
  for (const key of others)
    findings.push({
      path: [...path, key],
      message: `contradicts ${body}: a request has one body`,
      ofKey: true,
    });
  if (first === 'head' && (step.expect?.bodyContains !== undefined || step.expect?.json !== undefined))
    findings.push({
      path: [...path, 'expect'],
      message: 'is about a body, which an answer to HEAD does not have',
    });
  for (const [name, capture] of Object.entries(step.capture ?? {}))
    findings.push(...captureProblems(capture, first === 'head', [...path, 'capture', name]));
  return findings;
}

function captureProblems(capture: ScenarioCapture, isHead: boolean, path: Path): Finding[] {
  const [first, second] = (['json', 'header', 'regex', 'cookie'] as const).filter(
    (key) => capture[key] !== undefined,
  );
  if (first === undefined) return [{ path, message: 'says neither json, header, regex nor cookie' }];
  if (second !== undefined)
    return [{ path: [...path, second], message: `contradicts ${first}: leave one out`, ofKey: true }];
  if (isHead && (first === 'json' || first === 'regex'))
    return [{ path, message: 'is about a body, which an answer to HEAD does not have' }];
  return [];
}
