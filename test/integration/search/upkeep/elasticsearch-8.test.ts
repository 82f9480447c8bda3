import { needs } from '../../../servers/needs.js';
import { sharedServer } from './server.js';
import { retentionCases } from './retention.js';
import { setupCases } from './setup.js';
import { statusCases } from './status.js';

needs('search')('elasticsearch-8', () => {
  const server = sharedServer('elasticsearch-8');
  setupCases(server);
  retentionCases(server);
  statusCases(server);
});
