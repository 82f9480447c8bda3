import { readdir } from 'node:fs/promises';
import { extname, join } from 'node:path';

import { toBytes } from '../../core/bytes.js';
import { UserError } from '../../core/errors.js';
import { readText } from '../../core/input-file.js';
import { unreadable } from '../../core/unreadable.js';
import { Document } from '../../core/written/document.js';
import { exactJson } from '../exact-json.js';
import { isObject } from './normal.js';
import type { IndexBody, Json, JsonObject, Named, Stored, StoredKind, Wanted } from './resource.js';

/** Subfolders in the order in which their files are put: those that others refer to first. */
const folders = ['lifecycle-policies', 'component-templates', 'index-templates', 'indices'] as const;

/**
 * What the files of a folder say: `index-templates/NAME.json` (or `.yaml`), and so on, each with the body that the server's
 * own API takes.
 * @throws UserError exit 2
 */
export async function readFolder(folder: string): Promise<Wanted> {
  const found = await list(folder);
  const unknown = found.find(
    (name) => !(folders as readonly string[]).includes(name) && !name.startsWith('.'),
  );
  if (unknown !== undefined || found.length === 0)
    throw new UserError(
      unknown === undefined ? `${folder} is empty` : `${join(folder, unknown)} is not a folder of templates`,
      { hint: `A folder has some of ${folders.join(', ')}, with files NAME.json or NAME.yaml.` },
    );
  const stored: Stored[] = [];
  const named: Named[] = [];
  for (const kind of folders) {
    if (!found.includes(kind)) continue;
    for (const file of await list(join(folder, kind))) {
      const path = join(folder, kind, file);
      const extension = extname(file);
      if (!['.json', '.yaml', '.yml'].includes(extension))
        throw notATemplate(path, 'its name does not end in .json or .yaml');
      const name = file.slice(0, -extension.length);
      const body = await readBody(path, extension);
      if (kind === 'indices') named.push({ kind: 'index', name, body: indexBodyOf(path, body) });
      else stored.push({ kind: kindOf(kind, path, body), name, body });
    }
  }
  return { stored, named };
}

function kindOf(
  folder: Exclude<(typeof folders)[number], 'indices'>,
  path: string,
  body: JsonObject,
): StoredKind {
  if (folder === 'component-templates') return 'component-template';
  if (folder === 'index-templates') {
    if (!Array.isArray(body['index_patterns'])) throw notATemplate(path, 'it has no index_patterns');
    return 'index-template';
  }
  const { policy } = body;
  if (isObject(policy) && isObject(policy['phases'])) return 'ilm-policy';
  if (isObject(policy) && Array.isArray(policy['states'])) return 'ism-policy';
  throw notATemplate(path, 'it has neither policy.phases (ILM) nor policy.states (ISM)');
}

function indexBodyOf(path: string, body: JsonObject): IndexBody {
  const parts = ['settings', 'mappings', 'aliases'];
  const wrong = Object.keys(body).find((key) => !parts.includes(key) || !isObject(body[key]));
  if (wrong !== undefined)
    throw notATemplate(path, `'${wrong}' is not one of the objects ${parts.join(', ')}`);
  return body as IndexBody;
}

async function readBody(path: string, extension: string): Promise<JsonObject> {
  const text = await readText(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  let data: unknown;
  if (extension === '.json') {
    try {
      data = exactJson(toBytes(text));
    } catch (error) {
      throw notATemplate(path, `it is not JSON: ${(error as Error).message}`);
    }
  } else {
    data = new Document(text, path).data;
  }
  if (!isObject(data as Json | undefined)) throw notATemplate(path, 'it is not an object');
  return data as JsonObject;
}

function notATemplate(path: string, why: string): UserError {
  return new UserError(`${path} cannot be used: ${why}`, { code: 'TEMPLATE_INVALID' });
}

async function list(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => !name.startsWith('.')).sort();
  } catch (error) {
    throw unreadable(folder, error);
  }
}
