import { expect, it } from 'vitest';

import { createdBy } from '../../../src/version.js';

it('files name their writer so that parquet-java knows it, and trusts their statistics', () => {
  // https://github.com/apache/parquet-java/blob/master/parquet-common/src/main/java/org/apache/parquet/VersionParser.java
  const format = /^(.*?)\s+version\s*(?:([^(]*?)\s*(?:\(\s*build\s*([^)]*?)\s*\))?)?$/;
  const [, application, version, build] = format.exec(createdBy)!;
  expect({ application, version, build }).toEqual({
    application: 'metrify',
    version: expect.stringMatching(/^\d+\.\d+\.\d+/) as string,
    build: expect.stringMatching(/./) as string,
  });
});
