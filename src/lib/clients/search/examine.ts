import type { Examiner, Inquiry } from '../../core/examiner.js';
import { introduced, type Introduction } from './answer.js';
import { SearchConnection } from './connection.js';
import { elasticIntroduction, solrIntroduction } from './introductions.js';
import type { SearchSettings } from './settings.js';
import { loginOf, withAwsVariables } from './sign-in.js';

/** Each node. @param env with the variables of AWS */
export function examineElasticsearch(settings: SearchSettings, env: NodeJS.ProcessEnv): Examiner[] {
  return nodesOf(settings).map((node) => ({
    system: 'Elasticsearch',
    target: new URL(node.urls[0]!).host,
    ask: async (inquiry) => {
      const connection = await SearchConnection.open('elasticsearch', withAwsVariables(node, env), inquiry);
      const { latencyMs, said } = await examined(connection, elasticIntroduction(node), inquiry);
      return { version: said.isOpenSearch ? `opensearch ${said.number}` : said.number, latencyMs };
    },
  }));
}

/** Each node. */
export function examineSolr(settings: SearchSettings): Examiner[] {
  return nodesOf(settings).map((node) => ({
    system: 'Solr',
    target: new URL(node.urls[0]!).host,
    ask: async (inquiry) => {
      const connection = await SearchConnection.open('solr', node, inquiry);
      const { latencyMs, said } = await examined(connection, solrIntroduction, inquiry);
      return { version: said.version, latencyMs };
    },
  }));
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

/** Closes the connection in the end. */
async function examined<T>(
  connection: SearchConnection,
  introduction: Introduction<T>,
  inquiry: Inquiry,
): Promise<{ readonly said: T; readonly latencyMs: number }> {
  const ask = () => introduced(connection, introduction, inquiry.signal);
  try {
    return { said: await ask(), latencyMs: await inquiry.latency(ask) };
  } finally {
    connection.close();
  }
}
