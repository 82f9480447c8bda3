import { didYouMean } from '../../core/nearest.js';
import type { Finding } from '../../core/schema/findings.js';
import type { Path } from '../../core/schema/walk.js';
import { requestIn, type Scenario, type ScenarioStep } from './schema.js';
import { builtIns, parseTemplate, placeholdersIn } from './template.js';

/** A text of a step in which placeholders are filled, and where it stands. */
interface Templated {
  readonly path: Path;
  readonly text: string;
}

/** Every text of a step in which placeholders are filled. `after`: those of `expect`, for which the answer's captures count. */
export function templatesOf(step: ScenarioStep, path: Path): Templated[] {
  const {
    headers = {},
    json,
    body,
    form = {},
    expect: { bodyContains, json: members, header = {} } = {},
  } = step;
  const request = requestIn(step);
  const found: Templated[] = [];
  const add = (text: unknown, ...keys: PropertyKey[]): void => {
    if (typeof text === 'string') found.push({ path: [...path, ...keys], text });
    else if (typeof text === 'object' && text !== null)
      for (const [key, value] of Object.entries(text)) add(value, ...keys, key);
  };
  if (request) add(request.path, request.method.toLowerCase());
  add(headers, 'headers');
  add(json, 'json');
  add(body, 'body');
  add(form, 'form');
  add(bodyContains, 'expect', 'bodyContains');
  add(members, 'expect', 'json');
  add(header, 'expect', 'header');
  return found;
}

/**
 * Placeholders that nothing fills, names that have two meanings, and paths that no request can have.
 * @param columns those of each feed, once they are known
 */
export function unfilled(scenario: Scenario, columns?: ReadonlyMap<string, readonly string[]>): Finding[] {
  const { variables = {}, feeds = {}, headers = {}, setup = [], tasks, teardown = [] } = scenario;
  const findings: Finding[] = [];
  const taken = new Map<string, string>([...builtIns].map((name) => [name, 'is filled by metrify']));
  const take = (name: string, as: string, path: Path): void => {
    const other = taken.get(name);
    if (other !== undefined) findings.push({ path, message: `'${name}' ${other} already`, ofKey: true });
    else taken.set(name, as);
  };
  for (const name of Object.keys(variables)) take(name, 'is a variable', ['variables', name]);
  for (const name of Object.keys(feeds)) take(name, 'is a feed', ['feeds', name]);

  const constants = new Set<string>([...builtIns, ...Object.keys(variables)]);
  const check = ({ path, text }: Templated, names: ReadonlySet<string>, mayFeed: boolean): void => {
    for (const fill of placeholdersIn(text)) {
      const [feed, column] = splitFill(fill);
      if (column === undefined) {
        if (names.has(fill)) continue;
        const known = [...names, ...(mayFeed ? Object.keys(feeds).map((name) => `${name}.…`) : [])];
        const isFeed = Object.hasOwn(feeds, fill);
        const hint = isFeed ? `: it is a feed, and a column is named behind a dot` : didYouMean(fill, known);
        findings.push({ path, message: `nothing fills {${fill}}${hint}` });
      } else if (!Object.hasOwn(feeds, feed))
        findings.push({
          path,
          message: `nothing fills {${fill}}: there is no feed '${feed}'${didYouMean(feed, Object.keys(feeds))}`,
        });
      else if (!mayFeed)
        findings.push({ path, message: `{${fill}}: feeds are for tasks, whose requests are many` });
      else if (columns && !columns.get(feed)!.includes(column))
        findings.push({
          path,
          message: `nothing fills {${fill}}: the feed has no column '${column}'${didYouMean(column, columns.get(feed)!)}`,
        });
    }
  };
  const walk = (steps: readonly ScenarioStep[], known: Set<string>, path: Path, mayFeed: boolean): void => {
    for (const [i, step] of steps.entries()) {
      const at = [...path, i];
      const captured = Object.keys(step.capture ?? {});
      const ofRequest = new Set(known);
      for (const name of captured) {
        const other = taken.get(name);
        if (other !== undefined)
          findings.push({
            path: [...at, 'capture', name],
            message: `'${name}' ${other} already`,
            ofKey: true,
          });
        known.add(name);
      }
      for (const templated of templatesOf(step, at))
        check(templated, templated.path[at.length] === 'expect' ? known : ofRequest, mayFeed);
      const request = requestIn(step);
      const problem = request && pathProblem(request.path);
      if (problem !== undefined)
        findings.push({ path: [...at, request!.method.toLowerCase()], message: problem });
    }
  };

  const ofSetup = new Set(constants);
  walk(setup, ofSetup, ['setup'], false);
  for (const [i, step] of setup.entries())
    for (const name of Object.keys(step.capture ?? {}))
      if (!taken.has(name)) take(name, 'is captured in setup', ['setup', i, 'capture', name]);
  for (const [i, { steps }] of tasks.entries()) walk(steps, new Set(ofSetup), ['tasks', i, 'steps'], true);
  walk(teardown, new Set(ofSetup), ['teardown'], false);
  // Those of all requests: also of setup's, before which nothing is captured.
  for (const [name, text] of Object.entries(headers))
    if (typeof text === 'string') check({ path: ['headers', name], text }, ofSetup, false);
  return findings;
}

/** `feed.column`; a name without a dot has no column. */
export function splitFill(fill: string): [name: string, column?: string] {
  const dot = fill.indexOf('.');
  return dot < 0 ? [fill] : [fill.slice(0, dot), fill.slice(dot + 1)];
}

/** What a request's line cannot have. Placeholders are escaped; what stands around them is sent as it is. */
function pathProblem(path: string): string | undefined {
  const literal = parseTemplate(path)
    .filter((part) => typeof part === 'string')
    .join('');
  if (literal.includes('#')) return "has a '#', and what follows it is never sent: leave it out";
  const wrong = /[^!$-;=?-Z[\]_a-z~]/.exec(literal)?.[0];
  return wrong === undefined
    ? undefined
    : `has '${wrong}', which a path cannot have: write it as ${encodeURIComponent(wrong)}`;
}
