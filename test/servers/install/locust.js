import { LOCUST_VERSION, locustFolder } from '../cache-folder.js';
import { intoCache, load, runs } from './shell.js';

export function downloadLocust() {
  intoCache('locust', LOCUST_VERSION, locustFolder(), (_work, result) => {
    if (!runs('python3', '-m', 'pip', '--version')) throw new Error('python3 with pip is not installed');
    const options = ['--quiet', '--disable-pip-version-check', '--target', result];
    load('python3', ['-m', 'pip', 'install', ...options, `locust==${LOCUST_VERSION}`]);
  });
}
