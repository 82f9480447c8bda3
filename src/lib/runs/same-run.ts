import { ServiceConflict } from '../core/errors.js';

/** @throws ServiceConflict exit 4 naming every difference. */
export function requireSameRun(path: string, before: object, now: object): void {
  // As it would be read again: members that are undefined are not stored.
  const differences = differencesOf(before, JSON.parse(JSON.stringify(now)) as object);
  if (differences.length > 0)
    throw new ServiceConflict(`the checkpoint ${path} belongs to another run: ${differences.join('; ')}`, {
      code: 'CHECKPOINT_MISMATCH',
      hint: `Run with what it was made with, or remove ${path} to start over.`,
    });
}

function differencesOf(before: object, now: object, place = ''): string[] {
  const differences: string[] = [];
  for (const name of new Set([...Object.keys(now), ...Object.keys(before)])) {
    const [was, is] = [member(before, name), member(now, name)];
    const where = `${place}${name}`;
    if (isPlain(was) && isPlain(is)) differences.push(...differencesOf(was, is, `${where} `));
    else if (JSON.stringify(was) !== JSON.stringify(is))
      differences.push(`${where} was ${shown(was)}, is ${shown(is)}`);
  }
  return differences;
}

function member(value: object, name: string): unknown {
  return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
}

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  return value === undefined ? 'not given' : JSON.stringify(value);
}
