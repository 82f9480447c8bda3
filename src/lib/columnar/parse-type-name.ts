import { decimalType } from './decimal.js';
import type { Field, ScalarType, Type } from './type.js';

const scalars: Readonly<Record<string, ScalarType>> = {
  boolean: { storage: 'boolean', meaning: { kind: 'plain' } },
  int16: { storage: 'int32', meaning: { kind: 'integer', bits: 16 } },
  int32: { storage: 'int32', meaning: { kind: 'integer', bits: 32 } },
  int64: { storage: 'int64', meaning: { kind: 'integer', bits: 64 } },
  float32: { storage: 'float32', meaning: { kind: 'plain' } },
  float64: { storage: 'float64', meaning: { kind: 'plain' } },
  bytes: { storage: 'bytes', meaning: { kind: 'plain' } },
  text: { storage: 'bytes', meaning: { kind: 'text' } },
  json: { storage: 'bytes', meaning: { kind: 'json' } },
  date: { storage: 'int32', meaning: { kind: 'date' } },
  time: { storage: 'int64', meaning: { kind: 'time' } },
  timestamp: { storage: 'int64', meaning: { kind: 'timestamp', isInstant: false } },
  'timestamp (UTC)': { storage: 'int64', meaning: { kind: 'timestamp', isInstant: true } },
  'timestamp (INT96)': { storage: 'fixed', width: 12, meaning: { kind: 'timestamp96', isInstant: false } },
  'timestamp (UTC, INT96)': {
    storage: 'fixed',
    width: 12,
    meaning: { kind: 'timestamp96', isInstant: true },
  },
  uuid: { storage: 'fixed', width: 16, meaning: { kind: 'uuid' } },
};

const patterns = {
  scalar: new RegExp(
    Object.keys(scalars)
      // Longer ones first: 'timestamp' begins others.
      .sort((a, b) => b.length - a.length)
      .map((name) => name.replace(/[()]/g, String.raw`\$&`))
      .join('|'),
    'y',
  ),
  decimal: /decimal\((\d+), (\d+)\)/y,
  fixed: /fixed\((\d+)\)/y,
  list: /list</y,
  struct: /struct</y,
  fieldName: /(?:([\p{L}\p{N}_]+)|"((?:[^"]|"")*)"): /uy,
  comma: /, /y,
  end: />/y,
} as const;

/**
 * The type that `typeName` prints so. Decimals have the shortest storage: the name does not tell it.
 * @returns undefined where the text is not the name of a type
 */
export function parseTypeName(text: string): Type | undefined {
  const parser = new Parser(text);
  const type = parser.type();
  return parser.isAtEnd ? type : undefined;
}

class Parser {
  #at = 0;

  constructor(readonly text: string) {}

  get isAtEnd(): boolean {
    return this.#at === this.text.length;
  }

  type(): Type | undefined {
    if (this.#take('list')) {
      const element = this.type();
      return element && this.#take('end') ? { storage: 'list', element } : undefined;
    }
    if (this.#take('struct')) return this.#struct();
    const decimal = this.#take('decimal');
    if (decimal) return decimalType(Number(decimal[1]), Number(decimal[2]));
    const fixed = this.#take('fixed');
    if (fixed) return { storage: 'fixed', width: Number(fixed[1]), meaning: { kind: 'plain' } };
    const scalar = this.#take('scalar');
    return scalar && scalars[scalar[0]];
  }

  #struct(): Type | undefined {
    const fields: Field[] = [];
    do {
      const name = this.#take('fieldName');
      const type = name && this.type();
      if (!type) return undefined;
      fields.push({ name: name[1] ?? name[2]!.replaceAll('""', '"'), type });
    } while (this.#take('comma'));
    return this.#take('end') ? { storage: 'struct', fields } : undefined;
  }

  #take(kind: keyof typeof patterns): RegExpExecArray | undefined {
    const pattern = patterns[kind];
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.text);
    if (match) this.#at = pattern.lastIndex;
    return match ?? undefined;
  }
}
