import type { Examiner } from '../../core/examiner.js';
import { ServiceUnavailable } from '../../core/errors.js';
import { SearchConnection } from './connection.js';
import type { SearchSection, SearchSettings } from './settings.js';
import { loginOf, withAwsVariables } from './sign-in.js';

/** Where an answer has the version of who gives it. */
interface Asked {
  readonly path: string;
  readonly version: (body: unknown) => string | undefined;
}

const root: Asked = {
  path: '/',
  version(body) {
    const { version } = body as { version?: { number?: string; distribution?: string } };
    return version?.distribution === undefined
      ? version?.number
      : `${version.distribution} ${version.number}`;
  },
};

/** It has no version, and answers little else. */
const serverless: Asked = { path: '/_cat/indices', version: () => 'Serverless' };

const solr: Asked = {
  path: '/admin/info/system',
  version: (body) => (body as { lucene?: Record<string, string> }).lucene?.['solr-spec-version'],
};

/** Each node. @param env with the variables of AWS */
export function examineElasticsearch(settings: SearchSettings, env: NodeJS.ProcessEnv): Examiner[] {
  const asked = settings.awsService === 'aoss' ? serverless : root;
  return nodesOf(settings).map((node) =>
    examine('elasticsearch', node, asked, () => withAwsVariables(node, env)),
  );
}

/** Each node. */
export function examineSolr(settings: SearchSettings): Examiner[] {
  return nodesOf(settings).map((node) => examine('solr', node, solr));
}

/** Settings of one node each. A user that one of the URLs has is that of all. */
function nodesOf(settings: SearchSettings): SearchSettings[] {
  const login = loginOf(settings);
  return settings.urls.map((url) => {
    const base = new URL(url);
    base.username = base.password = '';
    return { ...settings, ...login, urls: [base.href] };
  });
}

/** @param complete adds what the variables say to the settings */
function examine(
  section: SearchSection,
  settings: SearchSettings,
  { path, version }: Asked,
  complete: () => SearchSettings = () => settings,
): Examiner {
  const system = section === 'solr' ? 'Solr' : 'Elasticsearch';
  const target = new URL(settings.urls[0]!).host;
  return {
    system,
    target,
    async ask(inquiry) {
      const connection = await SearchConnection.open(section, complete(), inquiry);
      const name = `${system} at ${target}`;
      const ask = async (): Promise<unknown> => {
        const answer = await connection.send({ path }, inquiry.signal);
        if (answer.status >= 300) throw connection.refusal(answer, name);
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
