import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { splitClients } from '../../../src/lib/rollout/providers/files/split-clients.js';
import type { Pair } from '../../../src/lib/rollout/spec.js';
import { scaled } from '../../scale.js';

const version = (name: string) => ({ name, deployment: undefined, colour: undefined });
const pair: Pair = { stable: version('v1'), canary: version('v2') };
const format = splitClients('web.conf', pair);
const read = (text: string | Buffer) => format(Buffer.from(text));
const write = (text: string, canary: number) =>
  read(text)
    .withWeights({ stable: 100 - canary, canary })
    .toString();
const block = (lines: string) => `split_clients "\${request_id}" $web { ${lines} }`;

describe('split_clients', () => {
  it.each([
    ['10% v2; * v1;', 10],
    ['* v1;\n# 0% v2;\n', 0],
    ['#0.00% "v2"; of no use yet\n * v1;', 0],
    ['* v2;\n # 0% v1;\n', 100],
    ['2.5% v2; 97.5% v1;', 2.5],
    ['20% v3; 8% v2; * v1;', 10],
    ['* v3; # 0% v2;', undefined],
    ['30% v1; 10% v2; * v3;', 25],
    ['\'10%\' \'v2\'; "*" "v1";', 10],
    ['10% v2; # the new one }\n * v1;', 10],
    ['* v1; * v2;', 0],
    ['* v2; * v1;', 100],
  ])('%s', (lines, canary) => {
    if (canary === undefined) expect(() => read(block(lines))).toThrow();
    else expect(read(block(lines)).weights).toEqual({ stable: 100 - canary, canary });
  });

  it.each([
    [10, '# 0% v2;\n* v1;', '10% v2;\n* v1;'],
    [0, '10% v2;\n* v1;', '# 0% v2;\n* v1;'],
    [100, '10% v2;\n* v1;', '* v2;\n# 0% v1;'],
    [0, '* v2;\n# 0% v1;', '# 0% v2;\n* v1;'],
    [33, '  10%   v2;   # canary\n  *     v1;', '  33%   v2;   # canary\n  *     v1;'],
    [0, '  10%   v2;   # canary\n  *     v1;', '  # 0%   v2;   # canary\n  *     v1;'],
    [0, '10% v2; 90% v1;\n', '# 0% v2;\n100% v1;\n'],
    [50, '20% v3; 8% v2; * v1;', '20% v3; 40% v2; * v1;'],
    [100, '8% v2; 20% v3; * v1;', '80% v2; 20% v3; * v1;'],
    [0, '8% v2; 20% v3; * v1;', '# 0% v2;\n20% v3; * v1;'],
    [50, '30% v1; 10% v2; * v3;', '20% v1; 20% v2; * v3;'],
    [12.34, '* v1; # 0% v2;\n', '87.66% v1; * v2;\n'],
    [100, '* v1; # 0% v2;\n', '# 0% v1;\n* v2;\n'],
    [100, '* v1; # 0% v2;', '# 0% v1;\n* v2;'],
    [100, '* v1; # note # 0% v2;\n# 0% v2;', '# 0% v1; # note # 0% v2;\n* v2;'],
  ])('%d %% canary: %j', (canary, before, after) => {
    expect(write(block(`\n${before}\n`), canary)).toBe(block(`\n${after}\n`));
  });

  it('never lets a comment swallow what follows', () => {
    expect(write('http { split_clients a $b { 10% v2; * v1; } }', 0)).toBe(
      'http { split_clients a $b { # 0% v2;\n* v1; } }',
    );
    expect(write('  split_clients a $b { 10% v2; * v1; } x;', 100)).toBe(
      '  split_clients a $b { * v2; # 0% v1;\n  } x;',
    );
  });

  it('gives each version something when it is to have something', () => {
    expect(write(block('99% v3; # 0% v2;\n * v1;'), 0.1)).toContain('0.01% v2;');
  });

  it.each([
    ['server { listen 80; }', /no split_clients block with 'v1' and 'v2'/, /# 0% v2;/],
    [block('* v1;'), /does not name 'v2'/, /'# 0% v2;'/],
    [block('* v2;'), /does not name 'v1'/, /'# 0% v1;'/],
    [block('10% v2; * v1;') + block('10% v2; * v1;'), /2 split_clients blocks/, /other names/],
    [block('10% v2; 5% v2; * v1;'), /'v2' twice/, /Join/],
    [block('100% v3; # 0% v2;\n * v1;'), /leaves nothing/, /Lower/],
  ])('refuses %s', (text, message, hint) => {
    expect(() => read(text)).toThrow(message);
    expect(() => read(text)).toThrow(expect.objectContaining({ hint: expect.stringMatching(hint) }));
  });

  it('finds names of any alphabet, and leaves other encodings alone', () => {
    const names = splitClients('x', { stable: version('grün'), canary: version('blau ü') });
    const text = Buffer.concat([
      Buffer.from([0x23, 0xff, 0xfe, 10]),
      Buffer.from(block('10% "blau ü"; * grün;')),
    ]);
    const edited = names(text).withWeights({ stable: 70, canary: 30 });
    expect(edited.subarray(0, 4)).toEqual(text.subarray(0, 4));
    expect(names(edited).weights.canary).toBe(30);
  });
});

/** What may stand before and behind the block. Whole statements, so that NGINX would read the block as one. */
const surroundings = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        'server { listen 80; }\n',
        '# split_clients x $y { 10% v2; * v1; }\n',
        'set $a "} split_clients { v1 ;";\n',
        "log_format x '\\'{ v2; # ';\n",
        'split_clients "${a}" $b { 10% v2; * other; }\n',
        'split_clients $a $b { 5% third; * ""; }\r\n',
        'if ($x ~ a{2}) { return 200 ${y}; }\n',
        'map $a $b { default v1; x v2; }\n',
        'return 200 a#b\\;\\{;\n',
      ),
      fc.stringMatching(/^[ -~äö]*$/).map((text) => `# ${text}\n`),
    ),
    { maxLength: 5 },
  )
  .map((parts) => parts.join(''));

const space = fc.constantFrom(' ', '  ', '\t', '\n  ', ' # note ; }\n ');
const name = (value: string) => fc.constantFrom(value, `"${value}"`, `'${value}'`);
/** A block with a third value or without, in any order that NGINX takes, in any layout. */
const blocks = fc
  .record({
    third: fc.constantFrom(undefined, 5, 20),
    canary: fc.integer({ min: 1, max: 70 }),
    zero: fc.boolean(),
    swap: fc.boolean(),
    front: fc.boolean(),
    rest: fc.constantFrom('pair', 'third', 'none'),
    spaces: fc.array(space, { minLength: 8, maxLength: 8 }),
    v1: name('v1'),
    v2: name('v2'),
  })
  .map(({ third, canary, zero, swap, front, rest, spaces, v1, v2 }) => {
    const [a, b, c, d, e, f, g, h] = spaces;
    const [first, second] = swap ? [v1, v2] : [v2, v1];
    const left = rest === 'third' ? 15 : 100 - canary - (third ?? 0);
    const entries = [
      zero ? `# 0% ${first};\n` : `${canary}%${a}${first}${b!.includes('\n') ? '' : b};`,
      `${rest === 'pair' ? '*' : `${left}%`}${c}${second};`,
    ];
    if (third !== undefined && rest !== 'third')
      entries.splice(front ? 0 : 1, 0, `${third}%${d}v3${e!.includes('#') ? '' : e};`);
    if (rest === 'third') entries.push(`*${d}v3;`);
    return `split_clients${f}"\${request_id}" $web${g}{${h}${entries.join(h)}${h}}`;
  });
const weights = fc.integer({ min: 0, max: 100 });

describe('any configuration', () => {
  it('reads the weights that were written, again and again, and nothing outside the block changes', () => {
    fc.assert(
      fc.property(
        surroundings,
        blocks,
        surroundings,
        fc.array(weights, { minLength: 1, maxLength: 6 }),
        (...given) => {
          const [before, inner, after, steps] = given;
          let text = `${before}${inner}${after}`;
          for (const canary of steps) {
            text = write(text, canary);
            expect(text.startsWith(before)).toBe(true);
            expect(text.endsWith(after)).toBe(true);
            const { weights: read_ } = read(text);
            expect(Math.abs(read_.canary - canary)).toBeLessThanOrEqual(0.1);
            expect(read_.canary === 0).toBe(canary === 0);
            expect(read_.stable === 0).toBe(canary === 100);
            expect(Math.round((read_.stable + read_.canary) * 100)).toBe(10_000);
          }
        },
      ),
      { numRuns: scaled(300) },
    );
  });

  it('writes the same bytes when the same weights are asked for twice', () => {
    fc.assert(
      fc.property(blocks, weights, (inner, canary) => {
        const once = write(inner, canary);
        expect(write(once, canary)).toBe(once);
      }),
    );
  });
});
