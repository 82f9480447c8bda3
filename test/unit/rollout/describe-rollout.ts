import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { sections } from '../../../src/commands/sections.js';
import { planFlags, routeFlags, switchFlags } from '../../../src/commands/shared/rollout/flags.js';
import { readRollout } from '../../../src/commands/shared/rollout/read-rollout.js';
import { readCommand } from '../../../src/runtime/command.js';
import { Redactor } from '../../../src/lib/core/secrets/redactor.js';
import { loadSettings } from '../../../src/runtime/config/load.js';
import type { Context } from '../../../src/runtime/context.js';
import { parseCommandLine } from '../../../src/runtime/program.js';

/** The example of the guide. */
export const canaryFile = `app: web
namespace: default
provider: istio
route: web
stable: { name: v1, deployment: web-v1 }
canary: { name: v2, deployment: web-v2 }
label: version
steps: [10, 50, 100]
interval: 2m
maxStepDuration: 30m
analysis:
  prometheus: http://127.0.0.1:9090
  requests: sum(increase(http_requests_total{version="{{version}}"}[{{window}}]))
  errors: sum(increase(http_requests_total{version="{{version}}",code=~"5.."}[{{window}}]))
  latency: sum by (le) (increase(http_request_duration_seconds_bucket{version="{{version}}"}[{{window}}]))
  minRequests: 100
  maxErrorIncrease: 1%
  latencyQuantile: 0.95
  maxLatencyIncrease: 25%
  falseAbort: 1%
  falsePromotion: 5%
  maxInconclusive: 5
  onInconclusive: abort
smoke: [{ url: "http://web-preview:8080/healthz", status: 200, bodyContains: v2 }]
`;

export const blueGreenFile = `app: web
provider: service
route: web
blue: { name: blue, deployment: web-blue }
green: { name: green, deployment: web-green }
smoke: [{ url: "http://web-preview:8080/healthz", bodyContains: green }]
`;

const groups = {
  canary: { flags: planFlags, form: 'canary' },
  deploy: { flags: switchFlags, form: 'blue-green' },
} as const;

export interface Asked {
  needs?: 'route' | 'plan';
  env?: NodeJS.ProcessEnv;
}

/** A folder in which rollouts are described and read as the commands read them. */
export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), 'metrify-rollout-'));
  readonly warnings: string[] = [];

  write(name: string, text: string): string {
    writeFileSync(join(this.path, name), text, { mode: 0o600 });
    return name;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  /** Parses `argv` after `metrify canary verb` or `metrify deploy verb`, then reads the rollout. */
  async read(group: keyof typeof groups, argv: readonly string[], { needs = 'plan', env = {} }: Asked = {}) {
    const { flags, form } = groups[group];
    const verb = readCommand({
      name: `${group} verb`,
      summary: 'a verb',
      args: { app: { help: 'which', required: false } },
      flags: needs === 'plan' ? flags : routeFlags,
      examples: [],
      read: () => Promise.reject(new Error('only parsed')),
      present: () => {},
    });
    const table = { [group]: { summary: 'a group', verbs: { verb: () => Promise.resolve(verb) } } };
    const invocation = await parseCommandLine([group, 'verb', ...argv], table, {
      version: '0',
      color: false,
      width: 80,
      write: () => {},
    });
    const context = {
      env,
      cwd: this.path,
      settingsInput: { redactor: new Redactor() },
      warn: (message: string) => this.warnings.push(message),
      settings: async () => (await this.load(env)).settings,
    } as unknown as Context;
    const input = invocation!.input;
    if (needs === 'route') return readRollout(input, context, { needs: 'route', form });
    return readRollout(input, context, { needs: 'plan', form });
  }

  /** The configuration of this folder. */
  load(env: NodeJS.ProcessEnv = {}) {
    return loadSettings(sections, {
      overrides: {},
      env,
      cwd: this.path,
      uid: process.getuid?.(),
      home: join(this.path, 'home'),
      redactor: new Redactor(),
    });
  }
}

/** The text without its mark, and the line and column where that stood. */
export function unmark(marked: string): { text: string; place: string } {
  const before = marked.slice(0, marked.indexOf('§')).split('\n');
  return { text: marked.replace('§', ''), place: `${before.length}:${before.at(-1)!.length + 1}` };
}
