import type { Finding } from '../../core/schema/findings.js';
import { nameOf, type Scenario } from './schema.js';

export type Tags = Readonly<Record<string, string>>;

interface Tagged {
  readonly tags?: Tags | undefined;
}

/** The tags of a request: of its scenario, its task and its step. The nearest wins. */
export function tagsOf(...from: readonly (Tagged | undefined)[]): Tags {
  return Object.assign({}, ...from.map((each) => each?.tags)) as Tags;
}

/** Requests are counted by name: those of one name cannot be told apart by tags. */
export function tagProblems(scenario: Scenario): Finding[] {
  const known = new Map<string, string>();
  return scenario.tasks.flatMap((task, i) =>
    task.steps.flatMap((step, j): Finding[] => {
      const name = nameOf(step);
      if (name === undefined) return [];
      const tags = JSON.stringify(Object.entries(tagsOf(scenario, task, step)).sort());
      const others = known.get(name) ?? tags;
      known.set(name, others);
      if (others === tags) return [];
      const message = `requests named '${name}' have other tags above: give these another name`;
      return [{ path: ['tasks', i, 'steps', j], message }];
    }),
  );
}
