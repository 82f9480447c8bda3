import { UserError } from '../../../core/errors.js';
import type { Weights } from '../../route.js';
import type { Arm, Pair } from '../../spec.js';
import { type Edit, type WeightFormat, applyEdits, weightsOf } from './format.js';
import { type NginxToken, nginxTokens } from './nginx-tokens.js';

/** Hundredths of a percent of all traffic: what NGINX can tell apart. */
const whole = 10_000;

/** A line of the block: `10% v2;`, `* v1;`, or `# 0% v2;`, since NGINX has no way to write a share of nothing. */
interface Entry {
  readonly value: string;
  /** Hundredths of a percent; undefined for `*`, whatever the others leave. */
  readonly share: number | undefined;
  readonly start: number;
  /** Past its semicolon. */
  readonly end: number;
  /** What stands between share and value, the value as it is written, and what follows up to the semicolon. */
  readonly gap: string;
  readonly written: string;
  readonly tail: string;
}

/**
 * `split_clients "…" $variable { … }` of NGINX. The pair shares what its two entries have together, so that other
 * values in the block keep theirs.
 */
export function splitClients(path: string, pair: Pair): WeightFormat {
  const stable = bytes(pair.stable.name);
  const canary = bytes(pair.canary.name);
  return (content) => {
    const text = content.toString('latin1');
    const block = findBlock(path, text, pair, [stable, canary]);
    const both = { stable: only(path, block, stable), canary: only(path, block, canary) };
    const others = block.filter((entry) => entry !== both.stable && entry !== both.canary);
    const taken = others.reduce((sum, { share }) => sum + (share ?? 0), 0);
    const takesRest = both.stable.share === undefined || both.canary.share === undefined;
    const total = takesRest ? whole - taken : (both.stable.share ?? 0) + (both.canary.share ?? 0);
    if (total <= 0)
      throw new UserError(
        `split_clients in ${path} leaves nothing to '${pair.stable.name}' and '${pair.canary.name}'`,
        {
          code: 'ROUTE_WITHOUT_SHARE',
          hint: 'Lower the percentages of the other values.',
        },
      );
    const canaryShare = both.canary.share ?? total - both.stable.share!;
    return {
      weights: weightsOf(canaryShare / total),
      withWeights: (weights) =>
        Buffer.from(applyEdits(text, edits(text, both, others, shares(weights, total), takesRest)), 'latin1'),
    };
  };
}

/** A version that is to have something gets at least the least that can be said. */
function shares(weights: Weights, total: number): Record<Arm, number> {
  const exact = (total * weights.canary) / 100;
  const canary =
    weights.canary <= 0
      ? 0
      : weights.stable <= 0
        ? total
        : Math.min(Math.max(Math.round(exact), 1), total - 1);
  return { stable: total - canary, canary };
}

/**
 * Where one of the pair took the rest, the later of those that have a share takes it: `*` ends a block. Only when
 * another value stands behind that one it stays where it is.
 */
function edits(
  text: string,
  both: Record<Arm, Entry>,
  others: readonly Entry[],
  share: Record<Arm, number>,
  takesRest: boolean,
): Edit[] {
  const ordered = (['stable', 'canary'] as const).toSorted((a, b) => both[a].start - both[b].start);
  const last = ordered.findLast((arm) => share[arm] > 0)!;
  const movable = others.every((other) => other.share === 0 || other.end <= both[last].start);
  const rest = !takesRest ? undefined : movable ? last : ordered.at(-1);
  return ordered.map((arm) => {
    const { start, end, gap, written, tail } = both[arm];
    if (arm === rest) return { start, end, text: `*${gap}${written}${tail};` };
    if (share[arm] > 0) return { start, end, text: `${share[arm] / 100}%${gap}${written}${tail};` };
    const space = /^[ \t]+$/.test(gap) ? gap : ' ';
    // A comment behind it on its line may be the other one of the pair, about to be none any more.
    const breaks = ordered.some(
      (one) => share[one] > 0 && both[one].start >= end && !text.slice(end, both[one].start).includes('\n'),
    );
    return asComment(text, start, end, `# 0%${space}${written};`, breaks);
  });
}

/** A comment takes up its line: what follows there moves to the next one, unless it is and stays a comment as well. */
function asComment(text: string, start: number, end: number, comment: string, breaks: boolean): Edit {
  const following = text.slice(end);
  if (!breaks && /^[ \t\r]*(?:#[^\n]*)?(?:\n|$)/.test(following)) return { start, end, text: comment };
  const line = text.slice(text.lastIndexOf('\n', start - 1) + 1, start);
  const indent = /^[ \t]*/.exec(line)![0];
  const blanks = /^[ \t]*/.exec(following)![0].length;
  return { start, end: end + blanks, text: `${comment}\n${indent}` };
}

function findBlock(path: string, text: string, pair: Pair, names: readonly string[]): Entry[] {
  const blocks = [...splitBlocks(text)];
  const naming = (count: number) =>
    blocks.filter(
      (block) => names.filter((name) => block.some(({ value }) => value === name)).length === count,
    );
  const found = naming(2);
  if (found.length === 1) return found[0]!;
  const { stable, canary } = pair;
  if (found.length > 1)
    throw new UserError(
      `${path} has ${found.length} split_clients blocks with '${stable.name}' and '${canary.name}'`,
      {
        code: 'ROUTE_AMBIGUOUS',
        hint: 'metrify shifts one block: give the values of the others other names.',
      },
    );
  const half = naming(1)[0];
  const missing = half?.some(({ value }) => value === names[0]) ? canary.name : stable.name;
  throw new UserError(
    half
      ? `split_clients in ${path} does not name '${missing}'`
      : `${path} has no split_clients block with '${stable.name}' and '${canary.name}'`,
    {
      code: 'ROUTE_WITHOUT_VERSION',
      hint: half
        ? `Add the line '# 0% ${missing};' to the block, and an upstream ${missing} if there is none.`
        : `Add one, split_clients "\${request_id}" $version { … }, with the lines '# 0% ${canary.name};' and '* ${stable.name};'.`,
    },
  );
}

function only(path: string, block: readonly Entry[], name: string): Entry {
  const [entry, second] = block.filter(({ value }) => value === name);
  if (second)
    throw new UserError(`split_clients in ${path} has '${Buffer.from(name, 'latin1').toString()}' twice`, {
      code: 'ROUTE_AMBIGUOUS',
      hint: 'Join the two lines into one.',
    });
  return entry!;
}

function* splitBlocks(text: string): Generator<Entry[]> {
  let statement: NginxToken[] = [];
  let block: Entry[] | undefined;
  for (const token of nginxTokens(text)) {
    if (token.kind === 'comment') {
      const entry = block && statement.length === 0 ? commentedEntry(token) : undefined;
      if (entry) block!.push(entry);
      continue;
    }
    if (token.kind === 'word') {
      statement.push(token);
      continue;
    }
    if (token.kind === '{') block = statement[0]?.text === 'split_clients' ? [] : undefined;
    else if (token.kind === ';' && block) {
      const closed = block.some(({ share }) => share === undefined);
      block.push(...activeEntry(text, statement, token, closed));
    } else if (token.kind === '}' && block) {
      yield block;
      block = undefined;
    }
    statement = [];
  }
}

/** @param closed behind a `*`, where nothing is left */
function activeEntry(
  text: string,
  [share, value]: readonly NginxToken[],
  { start, end }: NginxToken,
  closed: boolean,
): Entry[] {
  if (!share || !value) return [];
  const percent = /^(\d*(?:\.\d{0,2})?)%$/.exec(share.text)?.[1];
  if (share.text !== '*' && percent === undefined) return [];
  return [
    {
      value: value.text,
      share: closed ? 0 : percent === undefined ? undefined : Math.round(Number(percent) * 100),
      start: share.start,
      end,
      gap: text.slice(share.end, value.start),
      written: text.slice(value.start, value.end),
      tail: text.slice(value.end, start),
    },
  ];
}

/** `# 0% v2;` */
function commentedEntry({ text, start }: NginxToken): Entry | undefined {
  const share = /^#[ \t]*0+(?:\.0*)?%(?=[ \t])/.exec(text)?.[0];
  if (share === undefined) return undefined;
  const following = text.slice(share.length);
  const [value, end] = nginxTokens(following);
  if (value?.kind !== 'word' || end?.kind !== ';') return undefined;
  return {
    value: value.text,
    share: 0,
    start,
    end: start + share.length + end.end,
    gap: following.slice(0, value.start),
    written: following.slice(value.start, value.end),
    tail: following.slice(value.end, end.start),
  };
}

/** Files are handled byte by byte, whatever their encoding. */
function bytes(name: string): string {
  return Buffer.from(name).toString('latin1');
}
