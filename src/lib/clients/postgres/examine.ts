import type { Examiner } from '../../core/examiner.js';
import { hostOf } from '../host-of.js';
import { openPostgres } from '../postgres.js';
import type { PostgresSettings } from '../settings.js';

export function examinePostgres(settings: PostgresSettings): Examiner {
  return {
    system: 'PostgreSQL',
    target: hostOf(settings.url),
    async ask(inquiry) {
      const client = await openPostgres(settings, inquiry, inquiry.signal);
      try {
        const { rows } = await client.query<{ version: string; superuser: boolean; programs: boolean }>(
          `select current_setting('server_version') as version,
                  (select rolsuper from pg_roles where rolname = current_user) as superuser,
                  pg_has_role(current_user, 'pg_execute_server_program', 'member') as programs`,
          [],
          { columns: ['version', 'superuser', 'programs'] },
        );
        const { version, superuser, programs } = rows[0]!;
        const notes: string[] = [];
        if (superuser) notes.push('we are superuser: a role with fewer rights is enough');
        else if (programs) notes.push('our role may run programs on the server (pg_execute_server_program)');
        return {
          target: client.target,
          version,
          latencyMs: await inquiry.latency(() => client.query('select 1')),
          notes,
        };
      } finally {
        await client.close();
      }
    },
  };
}
