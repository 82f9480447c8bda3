import { engineContract } from './contract.js';

engineContract('solr-9');
