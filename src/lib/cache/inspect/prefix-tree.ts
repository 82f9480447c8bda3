import type { ByteString } from '../../core/bytes.js';

export interface PrefixStats {
  keys: number;
  bytes: number;
  /** Sum of squares of the sizes, for the error of an estimate. */
  bytesSquared: number;
  withoutTtl: number;
  /** Sum of the times to live of the keys that have one, in ms. */
  ttlSum: number;
}

interface Node extends PrefixStats {
  /** Keys that passed here. */
  count: number;
  children: Map<string, Node> | undefined;
  /** Words that are new here no longer get a child of their own. */
  varies: boolean;
  /** Where keys that come by go, whatever follows: the place is too rare to be looked into. */
  rest: Node | undefined;
}

/** Nodes made since they were last counted, and before. */
interface Budget {
  nodes: number;
}

/** A position varies when it has more than these words, and more than one for each so many keys. */
const words = 40;
const keysPerWord = 8;
/** Keys after which that is judged, and words after which it is certain. */
const judgeAfter = 400;
const wordLimit = 1000;
/** Share of the keys that keeps a word apart although its position varies. */
const heavy = 0.01;
const separators = /[:/|]/;
/** Words of a key that are told apart. */
const depthLimit = 16;
/** Nodes of a tree, about: beyond it the rarest places are no longer looked into. */
const nodeLimit = 20_000;
const rareShare = 0.001;

/**
 * Finds the shapes of keys by itself: `meter:1734:latest` and its like become `meter:*:latest`. Keys are split at
 * `:`, `/` and `|`; a word that is a number, a UUID or a hash varies, and so does a position that has many different
 * words for its keys. Words that many keys share stay apart. Memory is bounded, whatever the keys look like.
 */
export class PrefixTree {
  readonly #budget: Budget = { nodes: 0 };
  readonly #root = newNode(this.#budget);

  add(key: ByteString, bytes: number, ttlMs: number): void {
    let node = this.#root;
    node.count++;
    let start = 0;
    let depth = 0;
    for (let i = 0; i <= key.length; i++) {
      const char = i === key.length ? -1 : key.charCodeAt(i);
      if (char !== 58 && char !== 47 && char !== 124 && char !== -1) continue;
      if (node.rest || ++depth > depthLimit) {
        node = node.rest ?? child(node, '*', this.#budget);
        node.count++;
        break;
      }
      const word = shapeOf(key, start, i) + (char === -1 ? '' : key[i]!);
      node = child(node, word, this.#budget);
      node.count++;
      start = i + 1;
    }
    node.keys++;
    node.bytes += bytes;
    node.bytesSquared += bytes * bytes;
    if (ttlMs < 0) node.withoutTtl++;
    else node.ttlSum += ttlMs;
    if (this.#budget.nodes > nodeLimit) this.#prune();
  }

  merge(other: PrefixTree): void {
    absorb(this.#root, other.#root, this.#budget);
    if (this.#budget.nodes > nodeLimit) this.#prune();
  }

  /** Every shape with what it holds, largest first; each is a glob that matches its keys. */
  shapes(): ({ prefix: ByteString } & PrefixStats)[] {
    const found: ({ prefix: ByteString } & PrefixStats)[] = [];
    const walk = (node: Node, prefix: ByteString) => {
      if (node.children && node.children.size > words / 2 && node.children.size > node.count / 2)
        collapse(node, this.#budget);
      if (node.keys > 0) {
        const { keys, bytes, bytesSquared, withoutTtl, ttlSum } = node;
        found.push({ prefix, keys, bytes, bytesSquared, withoutTtl, ttlSum });
      }
      for (const [word, next] of node.children ?? []) walk(next, (prefix + word) as ByteString);
    };
    walk(this.#root, '' as ByteString);
    return found.sort((a, b) => b.bytes - a.bytes || b.keys - a.keys || (a.prefix < b.prefix ? -1 : 1));
  }

  #prune(): void {
    this.#budget.nodes = sizeOf(this.#root);
    for (let share = rareShare; this.#budget.nodes > nodeLimit / 2; share *= 4) {
      flattenRare(this.#root, this.#root.count * share);
      this.#budget.nodes = sizeOf(this.#root);
    }
  }
}

function newNode(budget: Budget): Node {
  budget.nodes++;
  return {
    count: 0,
    keys: 0,
    bytes: 0,
    bytesSquared: 0,
    withoutTtl: 0,
    ttlSum: 0,
    children: undefined,
    varies: false,
    rest: undefined,
  };
}

function sizeOf(node: Node): number {
  let size = 1;
  for (const next of node.children?.values() ?? []) size += sizeOf(next);
  return size;
}

/** Makes one of everything that follows places with less than `floor` keys. */
function flattenRare(node: Node, floor: number): void {
  for (const next of node.children?.values() ?? []) {
    if (next.count >= floor) {
      flattenRare(next, floor);
    } else if (next.children && !next.rest) {
      const rest = newNode({ nodes: 0 });
      for (const below of next.children.values()) sumUp(rest, below);
      next.children = new Map([['*', rest]]);
      next.rest = rest;
    }
  }
}

function sumUp(target: Node, source: Node): void {
  addStats(target, source);
  target.count += source.keys;
  for (const next of source.children?.values() ?? []) sumUp(target, next);
}

function addStats(target: Node, source: Node): void {
  target.keys += source.keys;
  target.bytes += source.bytes;
  target.bytesSquared += source.bytesSquared;
  target.withoutTtl += source.withoutTtl;
  target.ttlSum += source.ttlSum;
}

function child(node: Node, word: string, budget: Budget): Node {
  const children = (node.children ??= new Map<string, Node>());
  const known = children.get(word);
  if (known) return known;
  if (node.varies) {
    const any = varyingWord(word);
    const other = children.get(any) ?? newNode(budget);
    children.set(any, other);
    return other;
  }
  const made = newNode(budget);
  children.set(word, made);
  const { size } = children;
  if (size > wordLimit || (size > words && node.count >= judgeAfter && size > node.count / keysPerWord)) {
    collapse(node, budget);
    return child(node, word, budget);
  }
  return made;
}

/** Makes one child of all those that differ in their word only, but for the heavy ones. */
function collapse(node: Node, budget: Budget): void {
  const before = node.children!;
  node.varies = true;
  node.children = new Map();
  for (const [word, next] of before) {
    const keep = next.count >= 20 && next.count >= node.count * heavy;
    const name = keep ? word : varyingWord(word);
    const target = node.children.get(name);
    if (target) absorb(target, next, budget);
    else node.children.set(name, next);
  }
}

function absorb(target: Node, source: Node, budget: Budget): void {
  target.count += source.count;
  addStats(target, source);
  for (const [word, next] of source.children ?? [])
    if (target.rest) sumUp(target.rest, next);
    else absorb(child(target, word, budget), next, budget);
}

/** `*`, with the separator the word ends in. */
function varyingWord(word: string): string {
  const last = word.at(-1) ?? '';
  return separators.test(last) ? `*${last}` : '*';
}

/** The word itself, or `*` for what is plainly an identifier: `4711`, `meter17` → `meter*`, UUIDs, hashes. */
function shapeOf(key: ByteString, start: number, end: number): string {
  let digits = 0;
  for (let i = start; i < end; i++) {
    const char = key.charCodeAt(i);
    if (char >= 48 && char <= 57) digits++;
  }
  const word = key.slice(start, end);
  if (digits === 0) return word.length > 40 ? '*' : escapeGlob(word);
  if (digits === end - start || /^\{?[0-9a-f-]{8,}\}?$/i.test(word)) return '*';
  const tail = /^(\D{1,40}?)[\d._-]+$/.exec(word);
  return tail ? `${escapeGlob(tail[1]!)}*` : word.length > 40 ? '*' : escapeGlob(word);
}

function escapeGlob(word: string): string {
  return /[*?[\]\\]/.test(word) ? word.replace(/[*?[\]\\]/g, '\\$&') : word;
}
