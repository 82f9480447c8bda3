import { readlink, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from './errors.js';

/** What is done with a file; one that is written may be read by the same role, like a checkpoint. */
export type FileAccess = 'read' | 'write';

export interface FileRole {
  /** For messages: `--dead-letter`, `the configuration`. */
  readonly name: string;
  readonly path: string;
  readonly access: FileAccess;
}

/**
 * Every file of one run, and what it is to the run. No file that is written may have a second role, whatever names and
 * links lead to it: an input would be emptied before it is read, and of two outputs one be lost.
 */
export class FileRoles {
  readonly #known: (FileRole & { identity: string })[] = [];
  #clashed = false;

  /** Whether two roles met on one file: then nothing may be written. */
  get clashed(): boolean {
    return this.#clashed;
  }

  get writes(): boolean {
    return this.#known.some(({ access }) => access === 'write');
  }

  /** @throws UserError exit 2 `SAME_FILE` when it is the file of another role, and one of them writes it. */
  async add(...roles: FileRole[]): Promise<void> {
    for (const role of roles) {
      const identity = await identityOf(role.path);
      if (identity === undefined) continue;
      const same = this.#known.find(
        (known) => known.identity === identity && (known.access === 'write' || role.access === 'write'),
      );
      if (same) {
        this.#clashed = true;
        throw clash(same, role);
      }
      this.#known.push({ ...role, identity });
    }
  }
}

function clash(a: FileRole, b: FileRole): UserError {
  const [writer, other] = a.access === 'write' ? [a, b] : [b, a];
  return new UserError(`${writer.name} would overwrite ${writer.path}, the file of ${other.name}`, {
    code: 'SAME_FILE',
    hint: `Give ${writer.name} a file of its own. Nothing was changed.`,
  });
}

/**
 * The device and inode of a regular file; of one that does not exist yet, where it would be made. Undefined for pipes,
 * terminals and the like, which hold nothing that could be overwritten.
 */
async function identityOf(path: string): Promise<string | undefined> {
  try {
    const found = await stat(path, { bigint: true });
    return found.isFile() ? `${found.dev}:${found.ino}` : undefined;
  } catch {
    return placeOf(resolve(path));
  }
}

/** Follows a link that leads nowhere yet: whoever writes through it makes the file at its end. */
async function placeOf(path: string, links = 0): Promise<string> {
  const folder = await realpath(dirname(path)).catch(() => dirname(path));
  const place = join(folder, basename(path));
  const target = links < 40 ? await readlink(place).catch(() => undefined) : undefined;
  return target === undefined ? place : placeOf(resolve(folder, target), links + 1);
}
