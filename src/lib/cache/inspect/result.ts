import type { NodeStatus } from '../bulk-level.js';

export interface Prefix {
  /** A glob that matches its keys, in the text that `--pattern` takes. */
  prefix: string;
  keys: number;
  bytes: number;
  /** Of all bytes, 0 to 1. */
  share: number;
  ttl: { withoutTtl: number; averageMs?: number };
  /** Sample: half the width of the 95 % confidence interval. */
  keysError?: number;
  bytesError?: number;
}

export interface KeyReport {
  /** In the text that verbs take. */
  key: string;
  bytes?: number | undefined;
  type?: string | undefined;
  elements?: number | undefined;
  ttlMs?: number | undefined;
  frequency?: number | undefined;
  share?: number;
}

export interface InspectResult {
  level: string;
  target: string;
  /** `exact`: every key was looked at. `sample`: counts are estimates with the error beside them. */
  mode: 'exact' | 'sample';
  sampled: number;
  /** Slots of a cluster that moved while every key was looked at: some may have been missed or seen twice. */
  movedSlots?: number;
  keys: number;
  /** Of the keys looked at (estimated for all of them), with the server's overhead for each. */
  memoryBytes: number;
  memoryError?: number;
  prefixes: Prefix[];
  /** The level's own words for kinds of values, most bytes first. */
  types: { type: string; keys: number; bytes: number }[];
  bigKeys: KeyReport[];
  hotKeys: KeyReport[];
  ttlHistogram: { upTo: string; keys: number }[];
  hitRatio?: number;
  evictions?: number;
  fragmentation?: number;
  nodes: (NodeStatus & { share: number })[];
  /** Cluster: the slots that hold the most keys looked at. */
  slots?: { slot: number; keys: number; share: number }[];
  advice: Advice[];
}

/** What to do about what was found. */
export interface Advice {
  /** What was seen, with its number, and why it matters. */
  finding: string;
  /** The command that does something about it. */
  command?: string;
}
