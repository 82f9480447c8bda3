import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { contradictions } from '../../lib/rollout/contradictions.js';
import { UserError, errorMessage, systemCode } from '../../lib/core/errors.js';
import { Document, type Finding } from './document.js';
import { label } from './label.js';
import { InvalidConfiguration } from './problems.js';
import type { WrittenRollout } from './rollout.js';
import { rolloutSchema } from './rollout-schema.js';
import { misshapen } from './shape.js';

/** A rollout's file: a mapping that is not checked yet, because flags may complete it. */
export interface RolloutFile {
  path: string;
  /** Its name in messages. */
  label: string;
  document: Document;
  data: Record<string, unknown>;
}

/** @throws UserError when it cannot be read; InvalidConfiguration when it is no YAML. */
export async function readRolloutFile(name: string, cwd: string): Promise<RolloutFile> {
  const path = resolve(cwd, name);
  const shown = label(path, cwd);
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT')
      throw new UserError(`there is no file ${path} that describes a rollout`, {
        code: 'ROLLOUT_NOT_FOUND',
        hint: 'Name one that exists with -f FILE.',
      });
    throw new UserError(`the rollout's file ${path} cannot be read: ${errorMessage(error)}`, {
      code: 'ROLLOUT_UNREADABLE',
      cause: error,
    });
  });
  const document = new Document(text, shown);
  if (typeof document.data !== 'object' || document.data === null || Array.isArray(document.data))
    throw new InvalidConfiguration(
      [{ at: document.at([]), message: 'must be a mapping: app, provider, route, …' }],
      'docs/configuration.md has an example.',
    );
  return { path, label: shown, document, data: document.data as Record<string, unknown> };
}

/** All that is wrong with a rollout, its file and flags put together. */
export function checkRollout(data: unknown): Finding[] {
  const findings = misshapen(rolloutSchema(), data);
  return findings.length > 0 ? findings : contradictions(data as WrittenRollout);
}
