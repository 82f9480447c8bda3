/**
 * Who wins over a version. Every keyed level decides so: in TypeScript (memory; Memcached and Hazelcast through
 * `decisions.ts`), in Lua (Redis), in SQL (PostgreSQL). This table is what they are tested against.
 */

/** What a level knows of a key: nothing; that its value is of the version; that it may be of a later write. */
export type Knowledge = 'nothing' | 'known' | 'unsure';

/** `now`: the key's lease as it is. `past`: one from before its last change. */
export type LeaseAge = 'none' | 'now' | 'past';

export interface Action {
  do: 'set' | 'fill' | 'remove';
  /** Against the highest version that the key was written or removed with; undefined: without a version. */
  version: 'older' | 'same' | 'newer' | undefined;
  lease: LeaseAge;
}

interface Case {
  do: Action['do'];
  version: Action['version'][];
  lease?: LeaseAge[];
  knowledge?: Knowledge[];
  /** Of the call. */
  answer: 'stored' | 'refused' | true | false;
  /** What becomes of the value. Where nothing changes, what is known stays, too. */
  value: 'new' | 'gone' | 'stays';
  /** What is known afterwards; left out: what was, and of a key of which nothing was known that it is of the version. */
  then?: Knowledge;
}

const any = [undefined, 'older', 'same', 'newer'] as const;

/** In order: the first that fits counts. */
export const cases: Case[] = [
  // Without a version a write wins, and nobody knows of which version it is.
  { do: 'set', version: [undefined], answer: 'stored', value: 'new', then: 'unsure' },
  { do: 'set', version: ['older', 'same'], answer: 'refused', value: 'stays' },
  { do: 'set', version: ['newer'], knowledge: ['known'], answer: 'stored', value: 'new', then: 'known' },
  { do: 'set', version: ['newer'], lease: ['now'], answer: 'stored', value: 'new', then: 'known' },
  {
    ...{ do: 'set', version: ['newer'], lease: ['none'], knowledge: ['nothing'] },
    ...{ answer: 'stored', value: 'new', then: 'known' },
  },
  // What is there may be newer than this write: neither stays.
  { do: 'set', version: ['newer'], answer: 'refused', value: 'gone', then: 'unsure' },

  { do: 'fill', version: [...any], lease: ['past', 'none'], answer: 'refused', value: 'stays' },
  { do: 'fill', version: [undefined], answer: 'stored', value: 'new', then: 'unsure' },
  { do: 'fill', version: ['older'], answer: 'refused', value: 'stays' },
  { do: 'fill', version: ['same', 'newer'], answer: 'stored', value: 'new', then: 'known' },

  { do: 'remove', version: [undefined], answer: true, value: 'gone', then: 'unsure' },
  { do: 'remove', version: ['older'], answer: false, value: 'stays' },
  { do: 'remove', version: ['same', 'newer'], answer: true, value: 'gone' },
];

export function caseOf(action: Action, knowledge: Knowledge): Case {
  const found = cases.find(
    (one) =>
      one.do === action.do &&
      one.version.includes(action.version) &&
      (one.lease === undefined || one.lease.includes(action.lease)) &&
      (one.knowledge === undefined || one.knowledge.includes(knowledge)),
  );
  if (!found) throw new Error(`no case for ${JSON.stringify({ action, knowledge })}`);
  return found;
}
