import { describe, expect, test } from 'vitest';

import { fillExpression, rawForm } from '../../../src/lib/rollout/analysis/expression.js';

describe('what is counted from raw samples', () => {
  test.each([
    ['sum(increase(a_total[{{window}}]))', 'a_total', false],
    [
      'sum(increase(a_total{v="{{version}}",code=~"5.."}[{{window}}]))',
      'a_total{v="{{version}}",code=~"5.."}',
      false,
    ],
    ['  sum ( increase ( ns:a_total { v = "x" } [ {{window}} ] ) ) ', 'ns:a_total { v = "x" }', false],
    ['sum(increase({__name__="a b",v!~`[)"]`}[{{window}}]))', '{__name__="a b",v!~`[)"]`}', false],
    [`sum(increase(a{path="/x[0]}{,\\"[",q='"['}[{{window}}]))`, `a{path="/x[0]}{,\\"[",q='"['}`, false],
    ['sum by (le) (increase(b_bucket[{{window}}]))', 'b_bucket', true],
    ['sum by(le)(increase(b_bucket[{{window}}]))', 'b_bucket', true],
    ['sum by ( le , ) (increase(b_bucket[{{window}}]))', 'b_bucket', true],
    ['sum(increase(b_bucket[{{window}}])) by (le)', 'b_bucket', true],
    ['SUM BY (le)\n  (increase(b_bucket[{{window}}]))', 'b_bucket', true],
  ])('%s', (expression, selector, byBucket) => {
    expect(rawForm(expression)).toEqual({ selector, byBucket });
  });

  test.each([
    'increase(a_total[{{window}}])',
    'sum(rate(a_total[{{window}}]))',
    'sum(increase(a_total[5m]))',
    'sum(increase(a_total[{{window}}] offset 5m))',
    'sum(increase(a_total[{{window}}:]))',
    'sum(increase(a_total[{{window}}])) + sum(increase(b_total[{{window}}]))',
    'sum by (pod) (increase(a_total[{{window}}]))',
    'sum by (le) (increase(b_bucket[{{window}}])) by (le)',
    'sum(increase((a_total)[{{window}}:1s]))',
    'sum(increase(a_total offset 1m[{{window}}]))',
    'sum(increase([{{window}}]))',
    'sum(increase({{version}}_total[{{window}}]))',
  ])('as given: %s', (expression) => {
    expect(rawForm(expression)).toBeUndefined();
  });
});

describe('filling in', () => {
  test('the window in whole seconds, at least one', () => {
    expect(fillExpression('a[{{window}}] b[{{window}}]', 'v', 93_400)).toBe('a[93s] b[93s]');
    expect(fillExpression('a[{{window}}]', 'v', 3)).toBe('a[1s]');
  });

  test.each([
    ['a{v="{{version}}"}', String.raw`x"y\z`, String.raw`a{v="x\"y\\z"}`],
    [`a{v='{{version}}'}`, `x"y'z`, String.raw`a{v='x"y\'z'}`],
    ['a{v=`{{version}}`}', String.raw`x"\z`, 'a{v=`x"\\z`}'],
    ['a{v=~"{{version}}.*"}', 'v1.2', String.raw`a{v=~"v1\\.2.*"}`],
    ['a{v !~ "({{version}}|b)"}', 'v+1', String.raw`a{v !~ "(v\\+1|b)"}`],
    ['a{w="\\"",v="{{version}}"}', 'q"', String.raw`a{w="\"",v="q\""}`],
    ['a_{{version}}_total', 'v2', 'a_v2_total'],
  ])('%s with %s', (expression, version, filled) => {
    expect(fillExpression(expression, version, 1000)).toBe(filled);
  });

  test('says where a version cannot be written', () => {
    expect(() => fillExpression('a_{{version}}', 'v-2', 1000)).toThrow("'v-2' cannot be written");
    expect(() => fillExpression('a{v=`{{version}}`}', '`', 1000)).toThrow('cannot be written');
  });
});
