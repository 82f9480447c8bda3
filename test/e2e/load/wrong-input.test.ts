import { afterAll, beforeAll, expect, it } from 'vitest';

import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { metrify } from '../run.js';

let folder: TemporaryDirectory;
beforeAll(async () => (folder = await temporaryDirectory('wrong-input')));
afterAll(() => folder.remove());

it.each([
  [['run', 'localhost:8080', '--rate', '1'], 'its scheme is missing', 'Give http://localhost:8080'],
  [['run', '127.0.0.1:8080/x', '--rate', '1'], 'its scheme is missing', 'Give http://127.0.0.1:8080/x'],
  [['run', '[::1]:8080/x', '--rate', '1'], 'its scheme is missing', 'Give http://[::1]:8080/x'],
  [['run', '//api.example.com/x'], 'its scheme is missing', 'Give http://api.example.com/x'],
  [['run', 'not-there/load.yaml'], 'there is no file', 'A URL begins with http:// or https://.'],
  [['run', 'ftp://127.0.0.1/'], 'not a URL with http:// or https://', 'Give one like http://'],
  [['run', '.'], 'it is a directory', 'Check the path'],
  [['run', 'not-there.yaml', '--engine', 'autocannon'], 'runs no scenarios', 'leave --engine out'],
  [['run', 'http://127.0.0.1:1/', '--engine', 'autocannon', '--http2'], 'has no --http2', 'Leave one'],
  [['try', 'not-there.yaml'], 'there is no file', '`metrify load init` writes one'],
  [['try', 'http://127.0.0.1:1/'], 'a URL is given', '`metrify load init` writes one'],
  [['export', 'http://127.0.0.1:1/', '--engine', 'k6', '--to', 'k6'], 'a URL is given', 'load init'],
  [['init', '--to', 'not-there/load.yaml'], 'its folder does not exist', 'Check the path'],
])('load %j is refused, with what to do', async (args, message, next) => {
  const end = await metrify(['load', ...args], { cwd: folder.path });
  expect(end.code).toBe(2);
  expect(end.stderr).toContain(message);
  expect(end.stderr).toContain(next);
});
