import library = require('metrify/any');

if (Object.keys(library).length === 0) throw new Error('nothing is exported');
