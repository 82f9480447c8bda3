import * as yaml from 'yaml';
import type * as Zod from 'zod/mini';
import type { LevelType } from '../../lib/cache/level.js';
import { InvalidConfiguration, type Problem, explain } from './problems.js';
import { didYouMean } from './nearest.js';
import type { Reference } from './secrets.js';
import { fileSchema } from './schema.js';
import { contradictions } from './semantics.js';

export type Path = readonly PropertyKey[];
type Section = Record<string, unknown>;

/** One environment as it is written: checked, nothing resolved. */
export interface EnvironmentInput extends Section {
  redis?: Section & { url?: unknown; nodes?: (string | Reference)[] };
  cache?: {
    levels?: { name: string; type: LevelType; size?: string; ttl?: string; table?: string }[];
    tiers?: { pattern: string; levels: string[] }[];
    writeBehind?: Section & { tables?: Record<string, { key: string[] }> };
  };
}

export interface ConfigFile {
  environments: Map<string, EnvironmentInput>;
  /** `FILE:LINE:COL` of a value, or of what is nearest above it. */
  at(path: Path): string;
  warnings: string[];
}

/**
 * @param label the file's name as messages show it
 * @throws InvalidConfiguration with every problem of the whole file
 */
export function parseConfig(text: string, label: string): ConfigFile {
  const lines = new yaml.LineCounter();
  // Pretty errors would quote the file, secrets and all.
  const document = yaml.parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });

  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${label}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  };
  const located: (Problem & { offset: number })[] = [];
  const report = (offset: number, message: string) => located.push({ at: place(offset), message, offset });
  const refuse = () => {
    if (located.length > 0) throw new InvalidConfiguration(located.sort((a, b) => a.offset - b.offset));
  };

  /** Walks to a value, through aliases, and as far as it can; a key's own place where `ofKey`. */
  const offsetOf = (path: Path, ofKey = false): number => {
    let node: unknown = document.contents;
    let offset = rangeStart(node) ?? 0;
    for (const [depth, step] of path.entries()) {
      if (yaml.isAlias(node)) node = node.resolve(document);
      if (yaml.isMap(node)) {
        const pair = node.items.find((item) => keyText(item.key) === String(step));
        if (pair === undefined) break;
        const last = depth === path.length - 1;
        offset = rangeStart(last && ofKey ? pair.key : pair.value) ?? rangeStart(pair.key) ?? offset;
        node = pair.value;
      } else if (yaml.isSeq(node)) {
        node = node.items[Number(step)];
        offset = rangeStart(node) ?? offset;
      } else break;
    }
    return offset;
  };

  for (const error of document.errors) report(error.pos[0], `this is not YAML: ${error.message}`);
  refuse();

  let data: unknown;
  try {
    data = document.toJS();
  } catch (error) {
    report(0, explain(error));
    refuse();
  }
  const schema = fileSchema();
  const checked = schema.safeParse(data, { reportInput: false });
  const missing = new Set<string>();
  for (const issue of checked.error?.issues ?? []) {
    const name = issue.path.join('.');
    if (issue.path.length > 0 && valueAt(data, issue.path) === undefined) {
      // The value's own check and zod both miss it.
      if (!missing.has(name)) report(offsetOf(issue.path), `'${String(issue.path.at(-1))}' is missing here`);
      missing.add(name);
    } else
      for (const { path, message, ofKey } of readIssue(issue, schema)) report(offsetOf(path, ofKey), message);
  }

  const environments = new Map(
    Object.entries((checked.data?.environments ?? {}) as Record<string, EnvironmentInput>),
  );
  for (const [name, input] of environments) {
    if (!/^[A-Za-z0-9._-]+$/.test(name))
      report(
        offsetOf(['environments', name], true),
        `'${name}' is no name: letters, digits, dot, dash and underscore only`,
      );
    for (const { path, message } of contradictions(input))
      report(offsetOf(['environments', name, ...path]), message);
  }
  refuse();
  return {
    environments,
    at: (path) => place(offsetOf(path)),
    warnings: document.warnings.map((warning) => `${place(warning.pos[0])}: ${warning.message}`),
  };
}

type Issue = Zod.core.$ZodIssue;

/** What zod found, in words, and where. Unknown keys are a problem each. */
function readIssue(
  issue: Issue,
  schema: Zod.core.$ZodType,
): { path: Path; message: string; ofKey?: boolean }[] {
  const { path } = issue;
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: [...path, key],
        message: `unknown setting '${key}'${didYouMean(key, keysAt(schema, path))}`,
        ofKey: true,
      }));
    case 'invalid_type':
      return [{ path, message: `must be ${words[issue.expected] ?? issue.expected}` }];
    case 'invalid_value':
      return [{ path, message: `must be one of ${issue.values.join(', ')}` }];
    case 'too_small':
      return [{ path, message: 'must not be empty' }];
    default:
      return [{ path, message: issue.message }];
  }
}

const words: Record<string, string> = {
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  string: 'text',
};

function valueAt(data: unknown, path: Path): unknown {
  return path.reduce((value: unknown, key) => (value as Record<PropertyKey, unknown> | null)?.[key], data);
}

/** The keys that a schema allows at a path. */
function keysAt(schema: Zod.core.$ZodType, path: Path): string[] {
  let at: Zod.core.$ZodType | undefined = schema;
  for (const step of [...path, undefined]) {
    let def: Zod.core.$ZodTypes['_zod']['def'] | undefined = (at as Zod.core.$ZodTypes | undefined)?._zod.def;
    while (def?.type === 'optional') def = (def.innerType as Zod.core.$ZodTypes)._zod.def;
    if (step === undefined) return def?.type === 'object' ? Object.keys(def.shape) : [];
    if (def?.type === 'object') at = def.shape[String(step)];
    else if (def?.type === 'record') at = def.valueType;
    else if (def?.type === 'array') at = def.element;
    else return [];
  }
  return [];
}

function keyText(key: unknown): string {
  return typeof key === 'object' && key !== null && 'value' in key ? String(key.value) : String(key);
}

function rangeStart(node: unknown): number | undefined {
  const range = (node as { range?: [number, number, number] | null } | null | undefined)?.range;
  return range?.[0];
}
