/** Kinds of findings, each of which is one check. */
export const subjects = {
  shards: 'every shard is there, with all of its copies',
  disk: 'every node has room on its disk',
  blocks: 'no index refuses writes',
  leftovers: 'no index is left as a load needs it',
  aliases: 'every alias takes writes',
  balance: 'shards are even in size and number',
  queries: 'queries are fast',
  nodes: 'no node is short of memory, or refuses work',
  tasks: 'the cluster keeps up with its own tasks',
} as const;

/** Something that is not well, as a person reads it at night. */
export interface Finding {
  readonly subject: keyof typeof subjects;
  /** Documents cannot be read or written now, or may be lost. */
  readonly isSevere: boolean;
  readonly what: string;
  readonly advice: string;
  /** That does it, if one does. */
  readonly command?: Command;
}

/** A command of metrify, or a request to the server. */
export type Command =
  | string
  | {
      readonly method: 'PUT' | 'POST';
      readonly path: string;
      readonly body?: Readonly<Record<string, unknown>>;
    };
