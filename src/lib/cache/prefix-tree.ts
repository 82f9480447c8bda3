import type { ByteString } from '../core/bytes.js';

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

/**
 * Finds the shapes of keys by itself: `meter:1734:latest` and its like become `meter:*:latest`. Keys are split at
 * `:`, `/` and `|`; a word that is a number, a UUID or a hash varies, and so does a position that has many different
 * words for its keys. Words that many keys share stay apart. Memory is bounded by the number of shapes, not of keys.
 */
export class PrefixTree {
  #root = newNode();

  add(key: ByteString, bytes: number, ttlMs: number): void {
    let node = this.#root;
    node.count++;
    let start = 0;
    for (let i = 0; i <= key.length; i++) {
      const char = i === key.length ? -1 : key.charCodeAt(i);
      if (char !== 58 && char !== 47 && char !== 124 && char !== -1) continue;
      const word = shapeOf(key, start, i) + (char === -1 ? '' : key[i]!);
      node = child(node, word);
      node.count++;
      start = i + 1;
    }
    node.keys++;
    node.bytes += bytes;
    node.bytesSquared += bytes * bytes;
    if (ttlMs < 0) node.withoutTtl++;
    else node.ttlSum += ttlMs;
  }

  merge(other: PrefixTree): void {
    absorb(this.#root, other.#root);
  }

  /** Every shape with what it holds, largest first; each is a glob that matches its keys. */
  shapes(): ({ prefix: string } & PrefixStats)[] {
    const found: ({ prefix: string } & PrefixStats)[] = [];
    const walk = (node: Node, prefix: string) => {
      if (node.children && node.children.size > words / 2 && node.children.size > node.count / 2)
        collapse(node);
      if (node.keys > 0) {
        const { keys, bytes, bytesSquared, withoutTtl, ttlSum } = node;
        found.push({ prefix, keys, bytes, bytesSquared, withoutTtl, ttlSum });
      }
      for (const [word, next] of node.children ?? []) walk(next, prefix + word);
    };
    walk(this.#root, '');
    return found.sort((a, b) => b.bytes - a.bytes || b.keys - a.keys || (a.prefix < b.prefix ? -1 : 1));
  }
}

function newNode(): Node {
  return {
    count: 0,
    keys: 0,
    bytes: 0,
    bytesSquared: 0,
    withoutTtl: 0,
    ttlSum: 0,
    children: undefined,
    varies: false,
  };
}

function child(node: Node, word: string): Node {
  const children = (node.children ??= new Map<string, Node>());
  const known = children.get(word);
  if (known) return known;
  if (node.varies) {
    const any = varyingWord(word);
    const other = children.get(any) ?? newNode();
    children.set(any, other);
    return other;
  }
  const made = newNode();
  children.set(word, made);
  const { size } = children;
  if (size > wordLimit || (size > words && node.count >= judgeAfter && size > node.count / keysPerWord)) {
    collapse(node);
    return child(node, word);
  }
  return made;
}

/** Makes one child of all those that differ in their word only, but for the heavy ones. */
function collapse(node: Node): void {
  const before = node.children!;
  node.varies = true;
  node.children = new Map();
  for (const [word, next] of before) {
    const keep = next.count >= 20 && next.count >= node.count * heavy;
    const name = keep ? word : varyingWord(word);
    const target = node.children.get(name);
    if (target) absorb(target, next);
    else node.children.set(name, next);
  }
}

function absorb(target: Node, source: Node): void {
  target.count += source.count;
  target.keys += source.keys;
  target.bytes += source.bytes;
  target.bytesSquared += source.bytesSquared;
  target.withoutTtl += source.withoutTtl;
  target.ttlSum += source.ttlSum;
  for (const [word, next] of source.children ?? []) absorb(child(target, word), next);
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
