import { engineContract } from './contract.js';

engineContract('elasticsearch-9');
