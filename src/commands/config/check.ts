import { readCommand } from '../../runtime/command.js';
import { loadSettings } from '../../runtime/config/load.js';
import { InvalidConfiguration } from '../../runtime/config/problems.js';
import { resolveRollout } from '../../runtime/config/rollout.js';

export const check = readCommand({
  name: 'config check',
  summary: 'check the configuration: every problem with its line and column',
  description:
    'Checks the whole file, then looks up the secrets of the environment that is chosen. It connects to nothing; ' +
    '`metrify doctor` does.',
  flags: {},
  examples: [
    { does: 'Check the configuration that is in force here', command: 'metrify config check' },
    { does: 'Check a file before it is deployed', command: 'metrify config check -c new.yaml -e production' },
  ],
  async read(_input, context) {
    const { file, environments, settings, origins, warnings } = await loadSettings(context.settingsInput);
    warnings.forEach((warning) => context.warn(warning));
    const rollouts = await Promise.all(
      settings.rollouts.map((rollout) =>
        resolveRollout(rollout, { env: context.env, warn: (message) => context.warn(message) }),
      ),
    );
    const problems = rollouts.flatMap((rollout) => rollout.problems);
    if (problems.length > 0) throw new InvalidConfiguration(problems);
    return {
      verdict: 'ok',
      result: {
        file: file ?? null,
        environments,
        environment: settings.environment,
        settings: origins.length,
        references: origins.filter(({ via }) => via !== undefined).length,
      },
    };
  },
  present({ file, environments, environment, settings, references }, printer) {
    if (file === null) printer.ok('there is no configuration file: variables and defaults only');
    else
      printer.ok(
        `${file}: ${environments.length === 1 ? 'environment' : 'environments'} ${environments.join(', ')}`,
      );
    const lookedUp = references === 0 ? '' : `, ${references} of them looked up by reference`;
    printer.ok(`environment ${environment}: ${settings} settings in force${lookedUp}`);
  },
});
