import type { ElasticClient } from '../elastic/client.js';
import type { TaskFacts } from './facts.js';

const actions: Readonly<Record<string, string>> = {
  'indices:data/write/reindex': 'reindex',
  'indices:data/write/update/byquery': 'update by query',
  'indices:data/write/delete/byquery': 'delete by query',
};

interface Task {
  readonly node: string;
  readonly id: number;
  readonly action: string;
  readonly description?: string;
  readonly running_time_in_nanos: number;
  readonly parent_task_id?: string;
  readonly status?: {
    readonly total?: number;
    readonly created?: number;
    readonly updated?: number;
    readonly deleted?: number;
  };
}

/** Long writes that run on the server. @throws as ElasticClient.json */
export async function readTasks(client: ElasticClient, signal: AbortSignal): Promise<readonly TaskFacts[]> {
  const { nodes } = await client.json<{
    nodes?: Record<string, { tasks: Record<string, Task> }>;
  }>({ path: '/_tasks', query: { detailed: 'true', actions: Object.keys(actions).join(',') } }, signal);
  return Object.values(nodes ?? {})
    .flatMap(({ tasks }) => Object.values(tasks))
    .filter(({ action, parent_task_id }) => action in actions && parent_task_id === undefined)
    .map(({ node, id, action, description = '', running_time_in_nanos, status = {} }) => ({
      id: `${node}:${id}`,
      action: actions[action]!,
      description,
      runningMs: Math.round(running_time_in_nanos / 1e6),
      done: (status.created ?? 0) + (status.updated ?? 0) + (status.deleted ?? 0),
      total: status.total ?? 0,
    }));
}
