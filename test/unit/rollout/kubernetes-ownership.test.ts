import { describe, expect, test } from 'vitest';

import type { ManagedFieldsEntry } from '../../../src/lib/clients/kubernetes/resource.js';
import {
  givenBack,
  isOwnedByUs,
  lastWriter,
  ownersOf,
  parseOwners,
} from '../../../src/lib/rollout/providers/kubernetes/ownership.js';

const at = ['f:spec', 'f:http'];
const entry = (
  manager: string,
  operation: string,
  fieldsV1: Record<string, unknown>,
  time = '2026-01-01T00:00:00Z',
) => ({
  manager,
  operation,
  apiVersion: 'networking.istio.io/v1',
  time,
  fieldsType: 'FieldsV1',
  fieldsV1,
});
const annotation = { 'f:metadata': { 'f:annotations': { 'f:metrify.dev/rollout': {} } } };
const gitops = entry('gitops', 'Apply', { 'f:spec': { 'f:hosts': {}, 'f:http': {} } });
const edit = entry('kubectl-edit', 'Update', { 'f:spec': { 'f:http': {} } });

/** What the API server makes of a write of ours to the weights. */
const taken = (before: ManagedFieldsEntry[]): ManagedFieldsEntry[] => [
  ...before.flatMap((one) => {
    const { 'f:http': _, ...spec } = one.fieldsV1!['f:spec'] as Record<string, unknown>;
    return Object.keys(spec).length === 0 ? [] : [{ ...one, fieldsV1: { 'f:spec': spec } }];
  }),
  entry('metrify', 'Update', { ...annotation, 'f:spec': { 'f:http': {} } }, '2026-01-02T00:00:00Z'),
];

describe('field ownership', () => {
  test.each([
    ['one owner that owns more', [gitops]],
    ['one that owned nothing else and so is gone', [gitops, edit]],
  ])('goes back: %s', (_, before) => {
    const owners = ownersOf(before, at);
    const after = givenBack(taken(before), owners, at);
    expect(after.filter(({ manager }) => manager !== 'metrify')).toEqual(before);
    expect(after.find(({ manager }) => manager === 'metrify')!.fieldsV1).toEqual(annotation);
    expect(isOwnedByUs(after, at)).toBe(false);
  });

  test('survives the note that a killed process leaves', () => {
    const note = JSON.stringify(ownersOf([gitops, edit], at));
    expect(givenBack(taken([gitops, edit]), parseOwners(note, at), at)).toEqual(
      givenBack(taken([gitops, edit]), ownersOf([gitops, edit], at), at),
    );
  });

  test('leaves the fields with somebody who took them from us meanwhile', () => {
    const thief = entry('night-shift', 'Update', { 'f:spec': { 'f:http': {} } });
    const now = [
      entry('gitops', 'Apply', { 'f:spec': { 'f:hosts': {} } }),
      thief,
      entry('metrify', 'Update', annotation),
    ];
    expect(givenBack(now, ownersOf([gitops], at), at)).toEqual(now);
  });

  test.each([
    '',
    'null',
    '{}',
    '[1, null, "x"]',
    '[{"manager":"a"}]',
    '[{"manager":1,"operation":"Apply"}]',
    '[[]]',
  ])('takes the note %j for no owners', (note) => expect(parseOwners(note, at)).toEqual([]));

  test('of a note counts only what is about the weights', () => {
    const wide = entry('gitops', 'Apply', { 'f:spec': { 'f:http': {}, 'f:hosts': {} }, 'f:status': {} });
    expect(parseOwners(JSON.stringify([wide]), at)).toEqual([
      { ...wide, fieldsV1: { 'f:spec': { 'f:http': {} } } },
    ]);
  });

  test('names the last writer', () => {
    const late = entry('late', 'Update', { 'f:spec': { 'f:http': {} } }, '2026-01-03T00:00:00Z');
    const status = entry('controller', 'Update', { 'f:status': {} }, '2026-01-09T00:00:00Z');
    expect(lastWriter([gitops, late, status], at)).toEqual({ manager: 'late', time: late.time });
    const ours = (time: string) => entry('metrify', 'Update', annotation, time);
    expect(lastWriter([gitops, ours('2026-01-02T00:00:00Z')], at)?.manager).toBe('metrify');
    expect(lastWriter([late, ours('2026-01-02T00:00:00Z')], at)?.manager).toBe('late');
    expect(lastWriter([status], at)).toBeUndefined();
  });
});
