import type { CommandTable } from '../runtime/program.js';

/** Every command of the CLI. A group's files are imported when it is asked for, and not before. */
export const commandTable: CommandTable = {
  demo: {
    summary: 'see metrify work on a small town in under a minute',
    load: async () => (await import('./demo.js')).demo,
  },
  init: {
    summary: 'write a configuration to begin with',
    load: async () => (await import('./init.js')).init,
  },
  doctor: {
    summary: 'which systems are configured and answer, their versions and latency',
    load: async () => (await import('./doctor.js')).doctor,
  },
  cache: {
    summary: 'warm, inspect and flush caches; look at single keys and at the cluster',
    verbs: {
      warm: async () => (await import('./cache/warm.js')).warm,
      inspect: async () => (await import('./cache/inspect.js')).inspect,
      flush: async () => (await import('./cache/flush.js')).flush,
      get: async () => (await import('./cache/get.js')).get,
      set: async () => (await import('./cache/set.js')).set,
      delete: async () => (await import('./cache/delete.js')).remove,
      worker: async () => (await import('./cache/worker.js')).worker,
      queue: {
        summary: 'writes on their way to the database',
        verbs: {
          status: async () => (await import('./cache/queue/status.js')).status,
          retry: async () => (await import('./cache/queue/retry.js')).retry,
          drop: async () => (await import('./cache/queue/drop.js')).drop,
        },
      },
      cluster: {
        summary: 'the state of a Redis Cluster',
        verbs: {
          status: async () => (await import('./cache/cluster/status.js')).status,
          check: async () => (await import('./cache/cluster/check.js')).check,
        },
      },
    },
  },
  export: {
    summary: 'write query results to columnar files, and read them',
    verbs: {
      parquet: async () => (await import('./export/parquet.js')).parquet,
      orc: async () => (await import('./export/orc.js')).orc,
      read: async () => (await import('./export/read.js')).read,
      inspect: async () => (await import('./export/inspect.js')).inspect,
      verify: async () => (await import('./export/verify.js')).verify,
      compact: async () => (await import('./export/compact.js')).compact,
    },
  },
  search: {
    summary: 'fill, query, compare and move search indices',
    verbs: {
      setup: async () => (await import('./search/setup.js')).setup,
      index: async () => (await import('./search/index-documents.js')).indexDocuments,
      query: async () => (await import('./search/query.js')).query,
      verify: async () => (await import('./search/verify.js')).verify,
      copy: async () => (await import('./search/copy.js')).copy,
      reindex: async () => (await import('./search/reindex.js')).reindex,
      status: async () => (await import('./search/status.js')).status,
      retention: async () => (await import('./search/retention.js')).retention,
    },
  },
  load: {
    summary: 'test how much load a service holds, and how it answers under it',
    verbs: {
      init: async () => (await import('./load/init.js')).init,
      try: async () => (await import('./load/try.js')).tryOnce,
      run: async () => (await import('./load/run.js')).run,
      stress: async () => (await import('./load/stress.js')).stress,
      soak: async () => (await import('./load/soak.js')).soak,
      compare: async () => (await import('./load/compare.js')).compare,
      ab: async () => (await import('./load/ab.js')).ab,
      replay: async () => (await import('./load/replay.js')).replay,
      merge: async () => (await import('./load/merge.js')).merge,
      export: async () => (await import('./load/export.js')).exportScenario,
    },
  },
  deploy: {
    summary: 'blue-green: switch all traffic between two colours, and back',
    verbs: {
      status: async () => (await import('./deploy/status.js')).status,
      switch: async () => (await import('./deploy/switch.js')).switchColour,
      rollback: async () => (await import('./deploy/rollback.js')).rollback,
      history: async () => (await import('./deploy/history.js')).history,
    },
  },
  canary: {
    summary: 'shift traffic to a new version step by step, judged by numbers',
    verbs: {
      start: async () => (await import('./canary/start.js')).start,
      status: async () => (await import('./canary/status.js')).status,
      step: async () => (await import('./canary/step.js')).step,
      promote: async () => (await import('./canary/promote.js')).promote,
      pause: async () => (await import('./canary/pause.js')).pause,
      resume: async () => (await import('./canary/resume.js')).resume,
      abort: async () => (await import('./canary/abort.js')).abort,
      history: async () => (await import('./canary/history.js')).history,
      analyze: async () => (await import('./canary/analyze.js')).analyze,
    },
  },
  config: {
    summary: 'check and show the configuration',
    verbs: {
      check: async () => (await import('./config/check.js')).check,
      show: async () => (await import('./config/show.js')).show,
    },
  },
  completion: {
    summary: 'shell completion for bash, zsh or fish',
    load: async () => (await import('./completion.js')).completion,
  },
};
