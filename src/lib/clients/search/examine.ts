import type { Examiner } from '../../core/examiner.js';
import { ServiceUnavailable } from '../../core/errors.js';
import { SearchConnection } from './connection.js';
import { refusalText, SearchRefusal } from './refusal.js';
import type { SearchSettings } from './settings.js';

export function examineElasticsearch(settings: SearchSettings): Examiner {
  return examine('elasticsearch', settings, '/', (body) => {
    const { version } = body as { version?: { number?: string; distribution?: string } };
    return version?.distribution === undefined
      ? version?.number
      : `${version.distribution} ${version.number}`;
  });
}

export function examineSolr(settings: SearchSettings): Examiner {
  return examine(
    'solr',
    settings,
    '/admin/info/system',
    (body) => (body as { lucene?: Record<string, string> }).lucene?.['solr-spec-version'],
  );
}

/** @param path where the answer has the version */
function examine(
  section: 'elasticsearch' | 'solr',
  settings: SearchSettings,
  path: string,
  version: (body: unknown) => string | undefined,
): Examiner {
  const system = section === 'solr' ? 'Solr' : 'Elasticsearch';
  const target = new URL(settings.urls[0]!).host;
  return {
    system,
    target,
    async ask(inquiry) {
      const connection = await SearchConnection.open(section, settings, inquiry);
      const name = `${system} at ${target}`;
      const ask = async (): Promise<unknown> => {
        const answer = await connection.send({ path }, inquiry.signal);
        if (answer.status >= 400) {
          const { type, reason } = refusalText(answer);
          throw new SearchRefusal(name, answer.status, type, reason);
        }
        try {
          return JSON.parse(answer.body.toString('utf8'));
        } catch {
          throw new ServiceUnavailable(`${name} did not answer with JSON: is it ${system}?`);
        }
      };
      try {
        return { version: version(await ask()), latencyMs: await inquiry.latency(ask) };
      } finally {
        connection.close();
      }
    },
  };
}
