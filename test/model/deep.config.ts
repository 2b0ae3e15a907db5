import { mergeConfig } from 'vitest/config';
import base from '../../vitest.config.js';

const { test, ...rest } = base;

/** The search that is too long for every test run: `npm run model`. */
export default mergeConfig(rest, { test: { ...test, include: ['test/model/deep.search.ts'] } });
